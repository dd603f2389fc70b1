// Rollcall · rollcall

import Access
import AsyncHTTPClient
import Basics
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle

/// Fetches the JWKS of an identity provider: at the start, every ten minutes, and when a token names an unknown key.
///
/// After a fetch that succeeds, the next one begins ten seconds later at the earliest. A fetch that fails is repeated
/// sooner. While the provider cannot be reached, the last good keys stay until fetches have failed for 24 hours.
struct JWKSClient: Service {
    /// The times of a client; other ones are for tests.
    struct Times: Sendable {
        /// Between two fetches.
        var refresh = Duration.seconds(600)
        /// The least time between a fetch that succeeded and the next one.
        var pause = Duration.seconds(10)
        /// From the request to the end of the answer.
        var timeout = TimeAmount.seconds(5)
        /// The time of failed fetches for which the last good keys stay.
        var longestOutage = Duration.seconds(86_400)
    }

    private static let maximumBytes = 256 << 10

    let url: String
    let credentials: Credentials
    var times = Times()
    let logger: Logger
    /// Called when a key was added or removed.
    let onChange: @Sendable () async -> Void

    func run() async throws {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    repeat { credentials.requestKeys() } while await Self.pause(times.refresh)
                }
                for await _ in credentials.keyRequests {
                    await fetchUntilDone(with: client)
                    guard await Self.pause(times.pause) else { break }
                }
                group.cancelAll()
            }
        }
        try await client.shutdown()
    }

    private func fetchUntilDone(with client: HTTPClient) async {
        let start = ContinuousClock.now
        var failures = 0
        repeat {
            do {
                let keys = try await fetch(with: client)
                for reason in keys.ignored {
                    logger.debug("access: key of the JWKS left out", metadata: ["reason": "\(reason)"])
                }
                await replace(with: keys)
                if keys.isEmpty { logger.warning("access: JWKS has no key for tokens", metadata: ["url": "\(url)"]) }
                if failures > 0 { logger.notice("access: JWKS fetched again") }
                return
            } catch {
                if Task.isCancelled { return }
                failures += 1
                if failures == 1 { logger.warning("access: JWKS cannot be fetched", metadata: ["error": "\(error)"]) }
                if .now - start > times.longestOutage, !credentials.awaitsKeys { await replace(with: TokenKeys()) }
            }
        } while await Self.pause(Self.backoff.pause(failures: failures))
    }

    private func replace(with keys: TokenKeys) async {
        if credentials.replace(fetched: keys) { await onChange() }
    }

    private static let backoff = Backoff(first: .seconds(1), longest: .seconds(60))

    /// Sleeps; false if the node stops.
    private static func pause(_ time: Duration) async -> Bool { (try? await Task.sleep(for: time)) != nil }

    private func fetch(with client: HTTPClient) async throws -> TokenKeys {
        // The deadline of a request ends with its head, so the time-out is for all of it.
        let text = try await withThrowingTaskGroup(of: String.self) { group in
            group.addTask {
                let response = try await client.execute(HTTPClientRequest(url: url), timeout: times.timeout)
                guard response.status == .ok else {
                    throw Fault(description: "the answer has the status \(response.status.code)")
                }
                return String(buffer: try await response.body.collect(upTo: Self.maximumBytes))
            }
            group.addTask {
                try await Task.sleep(for: .nanoseconds(times.timeout.nanoseconds))
                throw Fault(description: "the answer takes too long")
            }
            defer { group.cancelAll() }
            return try await group.next() ?? ""
        }
        do {
            return try await TokenKeys(jwks: text)
        } catch {
            throw Fault(description: error.detail)
        }
    }

    private struct Fault: Error, CustomStringConvertible {
        let description: String
    }
}
