// Rollcall · PresenceServer

import HTTPTypes

/// The path under which a proxy shows the service, such as `/presence`; empty for the root.
///
/// A node answers with and without it, because some proxies strip it and others do not. Every address that a node sends
/// begins with it.
package struct BasePath: Hashable, Sendable {
    package static let root = BasePath()

    /// Empty, or with a slash at its start and none at its end.
    package let text: String

    /// First segments of the service's own paths; a base path that begins with one would give a path two meanings.
    private static let taken: Set<Substring> = [
        "v1", "socket", "problems", "healthz", "readyz", "metrics", "openapi.yaml", "phoenix",
    ]
    private static let maximumLength = 128

    private init() { self.text = "" }

    /// Returns nil unless the text has 1 to 128 bytes, its segments are of `[A-Za-z0-9._~-]`, and the first is not
    /// `taken`.
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

    /// The path below this one, with its slash, or nil for a path that is not below it.
    func remainder(of path: String) -> Substring? {
        guard !self.text.isEmpty, path.utf8.starts(with: self.text.utf8) else { return nil }
        let rest = path[path.utf8.index(path.startIndex, offsetBy: self.text.utf8.count)...]
        return rest.utf8.first == UInt8(ascii: "/") ? rest : nil
    }

    /// Puts this path before the addresses of an answer, which handlers write without it.
    func apply(to headers: inout HTTPFields) {
        guard !self.text.isEmpty else { return }
        if let location = headers[.location] { headers[.location] = self.text + location }
        if let link = headers[.link] { headers[.link] = link.replacing("</", with: "<\(self.text)/") }
    }
}
