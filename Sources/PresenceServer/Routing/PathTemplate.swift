// Rollcall · PresenceServer

/// A route's path, as OpenAPI writes it: `/v1/topics/{topic}/presences`.
package struct PathTemplate: Hashable, Sendable, CustomStringConvertible {
    enum Segment: Hashable, Sendable {
        case literal(String)
        case parameter(String)
    }

    package let description: String
    let segments: [Segment]

    package init(_ text: String) {
        self.description = text
        self.segments = Self.split(text).map { segment in
            segment.first == "{" && segment.last == "}"
                ? .parameter(String(segment.dropFirst().dropLast())) : .literal(String(segment))
        }
    }

    /// Splits a path at its slashes; empty segments stay, so that an empty name is refused as a name.
    ///
    /// - Returns: No segments for a path that is not absolute.
    package static func split(_ path: String) -> [Substring] {
        var rest = path[...]
        guard rest.utf8.popFirst() == UInt8(ascii: "/") else { return [] }
        var segments: [Substring] = []
        segments.reserveCapacity(8)
        while let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) {
            segments.append(rest[..<slash])
            rest = rest[path.utf8.index(after: slash)...]
        }
        segments.append(rest)
        return segments
    }

    /// The raw values of the parameters, or nil if the path does not match this template.
    package func match(_ path: [Substring]) -> PathParameters? {
        guard path.count == self.segments.count else { return nil }
        var parameters = PathParameters()
        for (segment, text) in zip(self.segments, path) {
            switch segment {
            case .literal(let literal):
                if text != literal { return nil }
            case .parameter(let name):
                parameters.values.append((name, text))
            }
        }
        return parameters
    }
}
