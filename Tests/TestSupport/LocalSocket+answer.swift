// Rollcall · TestSupport

package import LocalServices

extension LocalSocket {
    /// Awaits the answer of a running server; ``ask(_:_:)`` alone gives up after a quarter of a second.
    package static func answer(from path: String, to question: String) async throws -> String {
        try await eventually("an answer to \(question)") { ask(path, question) }
    }
}
