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

    /// Cuts a path at its slashes; empty segments stay, so that an empty name is seen and refused by name.
    ///
    /// - Returns: Nothing for what is not an absolute path.
    package static func split(_ path: String) -> [Substring] {
        guard path.utf8.first == UInt8(ascii: "/") else { return [] }
        return path.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map(Substring.init)
    }

    /// The raw values of the parameters, or nil when the path is not of this template.
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
