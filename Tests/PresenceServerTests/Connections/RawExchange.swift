// Rollcall · PresenceServerTests

import TestSupport

extension TestServer {
    var url: String { "http://127.0.0.1:\(self.port)" }

    /// The text that a client received, and whether the server has ended the connection.
    struct Transcript: Sendable {
        let text: String
        let isEnded: Bool

        /// The answers, without their `HTTP/1.1 `.
        var answers: [Substring] {
            let starts = self.text.ranges(of: /HTTP\/1\.1 (?=\d\d\d )/)
            return starts.indices.map { index in
                let end = index + 1 < starts.count ? starts[index + 1].lowerBound : self.text.endIndex
                return self.text[starts[index].upperBound..<end]
            }
        }
        var statuses: [String] { self.answers.map { String($0.prefix(3)) } }
        var isProblem: Bool { self.text.contains("Content-Type: application/problem+json\r\n") }
        func has(_ line: String) -> Bool { self.text.contains("\r\n\(line)\r\n") }
    }

    /// Sends bytes, and waits until enough has arrived or the server has ended the connection.
    func exchange(
        _ text: String, until isEnough: @Sendable (String) -> Bool = { _ in false }
    ) async throws -> Transcript {
        let client = try await RawClient.connect(to: self.url)
        try await client.send(text)
        let transcript = try await eventually("an answer to \(text.prefix(300))", timeout: .seconds(20)) {
            let (isEnded, received) = (try await client.isEnded, try await client.received)
            return isEnded || isEnough(received) ? Transcript(text: received, isEnded: isEnded) : nil
        }
        await client.close()
        return transcript
    }

    /// Sends a request, and another one after its answer, which shows whether the connection stays open.
    func exchangeTwice(_ text: String) async throws -> Transcript {
        let client = try await RawClient.connect(to: self.url)
        try await client.send(text)
        let isEnded = try await eventually("an answer to \(text.prefix(300))") {
            let (isEnded, received) = (try await client.isEnded, try await client.received)
            return isEnded ? true : received.contains("\r\n\r\n") ? false : nil
        }
        if !isEnded { try await client.send(RawClient.get("/healthz")) }
        let transcript = try await eventually("the answer behind that to \(text.prefix(300))") {
            let (isEnded, received) = (try await client.isEnded, try await client.received)
            let transcript = Transcript(text: received, isEnded: isEnded)
            return isEnded
                || transcript.answers.last?.hasSuffix("{\"status\":\"ok\"}\n") == true
                    && transcript.answers.count > 1
                ? transcript : nil
        }
        await client.close()
        return transcript
    }
}
