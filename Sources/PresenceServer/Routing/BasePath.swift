// Rollcall · PresenceServer

import HTTPTypes

/// The path under which a proxy shows the service, such as `/presence`; empty for the root.
///
/// A node finds its routes with and without it, since some proxies strip it and others do not. Every address that a node
/// sends has it in front.
package struct BasePath: Hashable, Sendable {
    package static let root = BasePath()

    /// Empty, or with a slash at its start and none at its end.
    package let text: String

    /// First segments that a path of the service has already: with one of them a path would have two meanings.
    private static let taken: Set<Substring> = ["v1", "problems", "healthz", "readyz", "metrics", "openapi.yaml"]
    private static let maximumLength = 128

    private init() { self.text = "" }

    /// Returns nil for a text that is no such path: 1 to 128 bytes, each segment of `[A-Za-z0-9._~-]`.
    package init?(_ text: String) {
        let segments = text.split(separator: "/", omittingEmptySubsequences: false)
        guard text.utf8.count <= Self.maximumLength, segments.count > 1, segments[0].isEmpty,
            segments.dropFirst().allSatisfy(Self.isSegment), !Self.taken.contains(segments[1])
        else { return nil }
        self.text = text
    }

    private static func isSegment(_ text: Substring) -> Bool {
        !text.isEmpty && text != "." && text != ".."
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._~-".contains($0)) }
    }

    /// The path below this one, with its slash, or nil for a path that lies elsewhere.
    func remainder(of path: String) -> Substring? {
        guard !self.text.isEmpty, path.utf8.starts(with: self.text.utf8) else { return nil }
        let rest = path[path.utf8.index(path.startIndex, offsetBy: self.text.utf8.count)...]
        return rest.utf8.first == UInt8(ascii: "/") ? rest : nil
    }

    /// Puts this path in front of the addresses of an answer, which handlers write as the service knows them.
    func apply(to headers: inout HTTPFields) {
        guard !self.text.isEmpty else { return }
        if let location = headers[.location] { headers[.location] = self.text + location }
        if let link = headers[.link] { headers[.link] = link.replacing("</", with: "<\(self.text)/") }
    }
}
