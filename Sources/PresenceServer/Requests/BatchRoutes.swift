// Rollcall · PresenceServer

import Access
import Basics
import Hummingbird
import JSONText
import Logging
import PresenceModel
import PresenceStore
import Synchronization

/// Performs many operations in one request, and answers each as its single request would be.
///
/// Operations of one topic keep their order; neighbours of one kind become one store call. Topics do not wait for each
/// other.
struct BatchRoutes: Sendable {
    let store: PresenceStore
    let options: ServerOptions

    /// An operation and its place among the results.
    private typealias Placed = (index: Int, operation: BatchOperation)
    private typealias Results = [(index: Int, result: WriteResult)]

    /// `POST /v1/batch`.
    func run(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let elements = try await self.elements(of: request)
        var results = [WriteResult](repeating: .done, count: elements.count)
        var topics: [Topic: [Placed]] = [:]
        for (index, element) in elements.enumerated() {
            do {
                let operation = try BatchOperation(element, of: context.caller, limits: self.options.limits)
                topics[operation.topic, default: []].append((index, operation))
            } catch {
                results[index] = .problem(error)
            }
        }
        if let allowance = context.allowance {
            try allowance.take(Self.cost(of: topics, operations: elements.count), taken: RateCost(requests: 1))
        }
        let performed = await self.perform(topics, logger: context.logger)
        for (index, result) in performed { results[index] = result }
        // If Redis was away for every operation, nothing was done, and the client may send the whole batch again.
        if let problem = performed.first?.result.unavailability,
            performed.allSatisfy({ $0.result.unavailability != nil })
        {
            throw problem
        }

        var json = JSONObjectWriter()
        json.array("results", results) {
            $0.write(to: context.caller, instance: context.requestID, under: context.basePath, to: &$1)
        }
        return .json(json.finish())
    }

    /// What the operations use of their caller's rates; the head of the request counted for one of them.
    private static func cost(of topics: [Topic: [Placed]], operations: Int) -> RateCost {
        var cost = RateCost(requests: max(0, operations - 1))
        for operation in topics.values.joined().map(\.operation) {
            let (tracks, bytes) = operation.cost
            guard tracks > 0 else { continue }
            cost.tracks = (cost.tracks ?? 0) + tracks
            cost.bytes = (cost.bytes ?? 0) + bytes
        }
        return cost
    }

    private func elements(of request: Request) async throws -> [JSON] {
        let body = try await request.json(
            "an object with operations", limit: self.options.batchBodyBytes, isStrict: false)
        var fields = try FieldReader(body, allowing: ["operations"])
        let list = fields.required("operations")
        var elements: [JSON]?
        let maximum = self.options.limits.batchOperations
        if let list {
            elements = list.elements(atMost: maximum + 1)
            if let elements {
                if elements.count > maximum {
                    fields.fail("A batch has up to \(maximum) operations; this one has more.", at: "operations")
                }
            } else {
                fields.fail("operations is an array, not \(list.kind).", at: "operations")
            }
        }
        try fields.check()
        return elements ?? []
    }

    private func perform(_ topics: [Topic: [Placed]], logger: Logger) async -> Results {
        let results = Mutex<Results>([])
        await inParallel(Array(topics.values), width: self.options.concurrentTopics) { operations in
            let performed = await self.perform(operations, logger: logger)
            results.withLock { $0 += performed }
        }
        return results.withLock { $0 }
    }

    /// Performs the operations of one topic, in their order.
    private func perform(_ operations: [Placed], logger: Logger) async -> Results {
        var results: Results = []
        results.reserveCapacity(operations.count)
        var sessions = BatchSessions(operations.map(\.operation))
        var rest = operations[...]
        while !rest.isEmpty {
            let run = Self.run(at: rest)
            rest = rest.dropFirst(run.count)
            do throws(StoreError) {
                let outcomes = try await self.call(run.map(\.operation), &sessions)
                for (operation, result) in zip(run, outcomes) { results.append((operation.index, result)) }
            } catch {
                let problem = ErrorResponse.problem(for: error, logger: logger)
                for operation in run { results.append((operation.index, .problem(problem))) }
            }
        }
        return results
    }

    /// The first operations that one store call can do: of one kind, and no member twice.
    ///
    /// The result of a second operation on a member depends on the first.
    private static func run(at operations: ArraySlice<Placed>) -> ArraySlice<Placed> {
        guard let first = operations.first?.operation else { return [] }
        if first.isOfWholeKey { return operations.prefix { $0.operation.isOfWholeKey } }
        var members: Set<Member> = []
        return operations.prefix { _, operation in
            operation.kind == first.kind && !operation.isOfWholeKey && members.insert(operation.member).inserted
        }
    }

    private func call(
        _ run: [BatchOperation], _ sessions: inout BatchSessions
    ) async throws(StoreError) -> [WriteResult] {
        guard let first = run.first else { return [] }
        let topic = first.topic
        switch first.kind {
        case .track, .put:
            let mode: TrackMode = first.kind == .track ? .create : .put
            sessions.add(run)
            return zip(try await self.store.track(run.map(\.tracking), on: topic, mode: mode), run)
                .map { WriteResult($0, of: $1.member, on: topic) }
        case .update:
            return zip(try await self.store.update(run.map(\.updating), on: topic), run)
                .map { WriteResult($0, of: $1.member, on: topic) }
        case .heartbeat:
            return zip(try await self.store.heartbeat(run.map(\.heartbeat), on: topic), run)
                .map { WriteResult($0, of: $1.member, on: topic) }
        case .untrack:
            if first.isOfWholeKey {
                try await self.untrackKeys(Set(run.map(\.member.key)), on: topic, &sessions)
                return run.map { _ in .done }
            }
            return try await self.store.untrack(run.map(\.untracking), on: topic).map { WriteResult($0) }
        }
    }

    /// Removes all sessions of some keys.
    ///
    /// If several operations of the batch remove keys, the names on the topic are read once for all of them: a reading
    /// takes Redis as long as the topic is large.
    private func untrackKeys(
        _ keys: Set<Key>, on topic: Topic, _ sessions: inout BatchSessions
    ) async throws(StoreError) {
        guard sessions.isShared else {
            for key in keys { _ = try await self.store.untrack(key: key, on: topic) }
            return
        }
        if !sessions.isRead { sessions.read(try await self.store.sessions(of: sessions.keys, on: topic)) }
        _ = try await self.store.untrack(sessions: sessions.members(of: keys), ofKeys: keys, on: topic)
    }
}
