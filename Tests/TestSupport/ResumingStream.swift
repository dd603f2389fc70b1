// Rollcall · TestSupport

/// A stream that is closed and resumed with its last id, as one history of events.
package struct ResumingStream: Sendable {
    private var past: [SSEEvent] = []
    private var stream: SSEClient
    private var cursor = ""

    package init(_ stream: SSEClient) { self.stream = stream }

    package var events: [SSEEvent] { past + stream.events }
    package var isOpen: Bool { stream.end == nil }

    package mutating func resume(on client: RollcallClient, _ path: String) async throws {
        await stream.close()
        past += stream.events
        // A connection that ended before its first id does not move the cursor.
        if !stream.lastEventID.isEmpty { cursor = stream.lastEventID }
        stream = try await client.events(path, lastEventID: cursor.isEmpty ? nil : cursor)
    }

    package func close() async { await stream.close() }
}
