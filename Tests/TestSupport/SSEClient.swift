// Rollcall · TestSupport

import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// An open event stream, read in the background as fast as it arrives.
///
/// ``next(_:timeout:)`` returns events in order; all events and items stay readable. It keeps at most
/// ``SSEClient/limit`` items: a stream with more ends with an error.
package final class SSEClient: Sendable {
    /// How a stream ended.
    package enum End: Sendable {
        /// The server ended the response.
        case finished
        /// The connection broke, or the client closed it.
        case failed(any Error)
    }

    private struct State {
        var parser = SSEParser()
        var items: [SSEParser.Item] = []
        var events: [SSEEvent] = []
        var consumed = 0
        var end: End?
    }

    package static let limit = 1_000_000
    private static let unforeseen = ["ping", "degraded", "recovered"]

    package let status: Int
    package let headers: [(name: String, value: String)]
    private let state: StateBox
    private let reading: Task<Void, Never>

    private final class StateBox: Sendable {
        let state = Mutex(State())
    }

    /// Sends the request and returns after the head of the answer, with any status.
    package static func open(
        _ url: String, lastEventID: String? = nil, headers: [String: String] = [:], timeout: Duration = giveUpTime
    ) async throws -> SSEClient {
        var request = HTTPClientRequest(url: url)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let lastEventID { request.headers.add(name: "Last-Event-ID", value: lastEventID) }
        // The deadline is only for the head: the body may take longer.
        let response = try await Self.head(of: request, within: timeout)
        return SSEClient(response)
    }

    private init(_ response: HTTPClientResponse) {
        let box = StateBox()
        self.status = Int(response.status.code)
        self.headers = response.headers.map { (name: $0.name, value: $0.value) }
        self.state = box
        self.reading = Task {
            do {
                for try await buffer in response.body {
                    try box.state.withLock { try Self.take(buffer, &$0) }
                }
                box.state.withLock { $0.end = .finished }
            } catch {
                box.state.withLock { $0.end = .failed(error) }
            }
        }
    }

    deinit {
        self.reading.cancel()
    }

    /// All events so far.
    package var events: [SSEEvent] { self.state.state.withLock { $0.events } }

    /// Everything so far, in order: events, comments, retries and blocks without data.
    package var items: [SSEParser.Item] { self.state.state.withLock { $0.items } }

    package var comments: [String] {
        self.items.compactMap { if case .comment(let text) = $0 { text } else { nil } }
    }

    /// The last `retry`, in milliseconds.
    package var retry: Int? {
        self.items.reversed().lazy.compactMap { if case .retry(let milliseconds) = $0 { milliseconds } else { nil } }
            .first
    }

    /// The `Last-Event-ID` that a reconnecting client would send.
    package var lastEventID: String { self.state.state.withLock { $0.parser.lastEventID } }

    /// How the stream ended, or nil while it is open.
    package var end: End? { self.state.state.withLock { $0.end } }

    /// The first header of that name, in any case.
    package func header(_ name: String) -> String? {
        self.headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// Returns the next event of a name and skips those before it.
    ///
    /// Without a name it skips only those that a slow machine may cause at any time: a ping, and an outage of Redis.
    package func next(
        _ name: String? = nil, timeout: Duration = giveUpTime, fileID: String = #fileID, line: Int = #line
    ) async throws -> SSEEvent {
        try await eventually("an event\(name.map { " '\($0)'" } ?? "")", timeout: timeout, fileID: fileID, line: line) {
            try self.state.state.withLock { state in
                while state.consumed < state.events.count {
                    let event = state.events[state.consumed]
                    state.consumed += 1
                    let isWanted = name.map { $0 == event.name } ?? !Self.unforeseen.contains(event.name)
                    if isWanted { return event }
                }
                if let end = state.end {
                    throw NeverHappened(description: "\(fileID):\(line): the stream ended (\(end)) before the event")
                }
                return nil
            }
        }
    }

    /// Returns the keys of the next leaves, diff by diff, up to the diff in which `key` leaves.
    package func leaves(
        until key: ExactName, fileID: String = #fileID, line: Int = #line
    ) async throws -> [ExactName] {
        var keys: [ExactName] = []
        while !keys.contains(key) {
            let diff = try await next("presence_diff", fileID: fileID, line: line).json
            keys += diff["leaves"]?.object.map { Array($0.keys) } ?? []
        }
        return keys
    }

    /// Closes the connection and returns when that is done.
    package func close() async {
        self.reading.cancel()
        await self.reading.value
    }

    private static func take(_ buffer: ByteBuffer, _ state: inout State) throws {
        let items = state.parser.feed(buffer.readableBytesView)
        state.items += items
        state.events += items.compactMap { if case .event(let event) = $0 { event } else { nil } }
        guard state.items.count <= Self.limit else {
            throw NeverHappened(description: "the end of a stream of \(Self.limit) items")
        }
    }

    private static func head(
        of request: HTTPClientRequest, within timeout: Duration
    ) async throws -> HTTPClientResponse {
        try await withThrowingTaskGroup(of: HTTPClientResponse.self) { group in
            group.addTask { try await TestHTTP.client(for: request.url).execute(request, deadline: .distantFuture) }
            group.addTask {
                try await Task.sleep(for: timeout * patience)
                throw NeverHappened(description: "no answer to \(request.url) within \(timeout * patience)")
            }
            defer { group.cancelAll() }
            for try await response in group { return response }
            throw CancellationError()
        }
    }
}
