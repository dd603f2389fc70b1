// Rollcall · bench

import Glibc
import LoadGenerator

/// A private Redis on a unix socket that writes nothing to disk.
final class RedisServer {
    let child: Child
    let socket: String

    init(in scratch: Scratch) throws(LoadError) {
        let socket = scratch.file("redis.sock")
        self.socket = socket
        child = try Child(
            "redis-server",
            [
                "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", scratch.path,
                "--maxmemory-policy", "noeviction",
            ],
            log: scratch.file("redis.log"))
        try child.await {
            access(socket, R_OK) == 0 && (try? Child.run("redis-cli", ["-s", socket, "ping"])) == "PONG\n"
        }
    }

    var url: String { "redis+unix://\(socket)" }

    func end() {
        child.end(signal: SIGKILL)
    }
}
