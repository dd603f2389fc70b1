// Rollcall · rollcall

import Enrichment
import Logging
import Postgres
import PresenceModel
import PresenceFeed
import PresenceServer
import ServiceLifecycle

/// The fetch hook with its pool of connections, and a connection that listens to changes.
struct HookServices: Sendable {
    /// How long a node that starts waits for a connection on which the database validates the rules.
    private static let validationTimeout = Duration.seconds(3)

    let enricher: EnrichmentSource
    private let hook: FetchHook
    private let pool: PostgresPool
    private let listener: ChangeListener

    /// Each depends on those before it.
    var services: [(name: String, service: any Service)] {
        [("postgres pool", pool), ("fetch hook", hook), ("change listener", listener)]
    }

    /// The checks of the hook and of notifications; a node is ready without them.
    var checks: [HealthCheck] {
        let faults = hook.faults
        return [
            HealthCheck(
                "fetch_hook", fault: faults.isEmpty ? nil : faults.joined(separator: "; "), isVital: false),
            HealthCheck("notifications", fault: listener.fault, isVital: false),
        ]
    }

    /// Makes the hook; throws if the database refuses a rule.
    ///
    /// A node also starts while its database is away: the hook then validates the rules later.
    init(
        database url: PostgresURL, rules: [FetchRule], channel: String, logger: Logger
    ) async throws(ProgramError) {
        let isValidated = try await Self.validate(rules, on: url, logger: logger)
        let changes = ChangedKeys()
        let pool = PostgresPool(url: url, logger: logger)
        let hook = FetchHook(
            rules: rules, source: .pool(pool), isValidated: isValidated, logger: logger, onChange: changes.add)
        self.pool = pool
        self.hook = hook
        listener = ChangeListener(url: url, channel: channel, hook: hook, pool: pool, logger: logger)
        enricher = EnrichmentSource(
            applies: hook.applies, known: { hook.known($0, leaving: $1, on: $2) },
            fetch: { keys, leaving, topic, since in
                let longest = rules.filter { $0.topics.matches(topic) }.map(\.timeout).max() ?? .zero
                return await hook.fetch(keys, leaving: leaving, on: topic, by: since + longest)
            }, invalidate: hook.invalidate, refetchAll: hook.refetchAll, changes: changes)
    }

    private static func validate(
        _ rules: [FetchRule], on url: PostgresURL, logger: Logger
    ) async throws(ProgramError) -> Bool {
        do throws(FetchRuleError) {
            let connection = try await connect(to: url, logger: logger)
            defer { connection.close() }
            for rule in rules { try await rule.validate(on: connection) }
            return true
        } catch {
            guard error.code == .unavailable else { throw .usage("the fetch hook cannot work: \(error)") }
            // The pool logs a warning with what to do about it.
            logger.info(
                "postgres: not reachable at the start, entries lack enrichment", metadata: ["reason": "\(error)"])
            return false
        }
    }

    private static func connect(
        to url: PostgresURL, logger: Logger
    ) async throws(FetchRuleError) -> PostgresConnection {
        do throws(PostgresError) {
            return try await PostgresConnection.connect(to: url, timeout: validationTimeout, logger: logger)
        } catch {
            throw FetchRuleError(.unavailable, error.advice)
        }
    }
}
