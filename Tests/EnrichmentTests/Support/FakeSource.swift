// Rollcall · EnrichmentTests

import Logging
import Postgres
import PresenceModel
import Synchronization
import TestSupport

@testable import Enrichment

/// A fake database: a test sets its data and its behaviour, and reads its questions.
///
/// For tests of the hook itself. Tests of what PostgreSQL decides use a real one.
final class FakeSource: Sendable {
    struct Question: Sendable {
        let sql: String
        let parameters: [PostgresParameter]
        let time: ContinuousClock.Instant

        var keys: [String] {
            if case .textArray(let keys)? = parameters.first { keys } else { [] }
        }
    }

    struct Conduct: Sendable {
        var data: [String: String] = [:]
        var delay: Duration = .zero
        /// While true no query ends, even after its time-out.
        var isHung = false
        var error: PostgresError?
        /// The keys that make the whole query fail.
        var poison: Set<String> = []
        var refusal: FetchRuleError?
    }

    let conduct: Mutex<Conduct>
    private let recorder = Recorder<Question>()

    init(_ data: [String: String] = [:]) {
        conduct = Mutex(Conduct(data: data))
    }

    var questions: [Question] { recorder.all }

    func change(_ change: (inout Conduct) -> Void) {
        conduct.withLock { change(&$0) }
    }

    var source: FetchSource {
        FetchSource { (sql, parameters, timeout) throws(PostgresError) in
            try await self.answer(Question(sql: sql, parameters: parameters, time: .now), within: timeout)
        } validate: { (_) throws(FetchRuleError) in
            if let refusal = self.conduct.withLock(\.refusal) { throw refusal }
        }
    }

    private func answer(_ question: Question, within timeout: Duration) async throws(PostgresError) -> PostgresRows {
        recorder.record(question)
        let conduct = conduct.withLock { $0 }
        while self.conduct.withLock(\.isHung) { try? await Task.sleep(for: .milliseconds(5)) }
        try? await Task.sleep(for: min(conduct.delay, timeout))
        if conduct.delay >= timeout { throw PostgresError(.timedOut, "it took too long") }
        if let error = conduct.error { throw error }
        guard conduct.poison.isDisjoint(with: question.keys) else { throw raised }
        let rows = question.keys.compactMap { key in conduct.data[key].map { [bytes(key), bytes($0)] } }
        return PostgresRows(columns: ["key", "data"], rows: rows)
    }
}

/// A hook on a source, which runs during a test.
struct RunningHook {
    let hook: FetchHook
    let changes: Recorder<Set<Key>>
    let log: Recorder<String>

    /// All keys that were reported so far.
    var reported: Set<Key> { changes.all.reduce(into: []) { $0.formUnion($1) } }

    static func with(
        _ rules: [FetchRule], _ source: FetchSource, isValidated: Bool = true,
        _ body: (RunningHook) async throws -> Void
    ) async throws {
        let (changes, log) = (Recorder<Set<Key>>(), Recorder<String>())
        let hook = FetchHook(rules: rules, source: source, isValidated: isValidated, logger: log.logger(from: .info)) {
            changes.record($0)
        }
        try await withThrowingTaskGroup { group in
            group.addTask { try await hook.run() }
            defer { group.cancelAll() }
            try await body(RunningHook(hook: hook, changes: changes, log: log))
        }
    }

    /// The text that stands beside the metas of a key; nil if there is none.
    func shown(_ name: String, on room: Topic = topic("room")) async -> String? {
        await hook.fetch([key(name)], leaving: [], on: room).text(name)
    }
}
