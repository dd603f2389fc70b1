// Rollcall · bench

import Glibc
import LoadGenerator

/// CPU time of servers, Redis and this program, and the time, since this value was made.
struct Cost {
    private let servers: [pid_t]
    private let redis: [pid_t]
    private let before: [Double]
    private let began = Clock.now

    init(of service: Service) {
        servers = service.pids
        redis = service.redis.map { [$0.child.pid] } ?? []
        before = Self.read(servers, redis)
    }

    private static func read(_ servers: [pid_t], _ redis: [pid_t]) -> [Double] {
        [servers, redis, [getpid()]].map { ProcessAccount.cpuSeconds($0) }
    }

    /// The CPU time and the time until now.
    func soFar() -> Spent {
        let now = zip(Self.read(servers, redis), before).map { $0 - $1 }
        return Spent(server: now[0], redis: now[1], load: now[2], seconds: Double(Clock.now - began) / 1e9)
    }
}
