// Rollcall · EndToEndTests

import TestSupport

/// A stream that is cut and comes back with the last id it saw, as one history.
struct ResumingStream {
    private var past: [SSEEvent] = []
    private var stream: SSEClient
    private var cursor = ""

    init(_ stream: SSEClient) { self.stream = stream }

    var events: [SSEEvent] { past + stream.events }

    mutating func resume(on client: RollcallClient, _ path: String) async throws {
        await stream.close()
        past += stream.events
        // A connection that ended before its first id has nothing new to say of where it stood.
        if !stream.lastEventID.isEmpty { cursor = stream.lastEventID }
        stream = try await client.events(path, lastEventID: cursor.isEmpty ? nil : cursor)
    }

    func close() async { await stream.close() }
}
