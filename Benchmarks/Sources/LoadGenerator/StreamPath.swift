// Rollcall · LoadGenerator

/// A path in which `{i}` stands for the number of the connection and `{t}` for the number of its topic.
public struct StreamPath {
    private let parts: [(text: String, variable: Character?)]
    private let topics: Int
    private let first: Int

    /// Connection i has the number `first` + i; the number of its topic is that number modulo `topics`.
    public init(_ pattern: String, topics: Int = 1, first: Int = 0) {
        var parts: [(String, Character?)] = []
        var rest = Substring(pattern)
        while let open = rest.firstIndex(of: "{") {
            let variable = rest[rest.index(after: open)]
            parts.append((String(rest[..<open]), variable))
            rest = rest[open...].dropFirst(3)
        }
        parts.append((String(rest), nil))
        self.parts = parts
        self.topics = topics
        self.first = first
    }

    func path(of connection: Int) -> String {
        parts.reduce(into: "") { path, part in
            path += part.text
            switch part.variable {
            case "i": path += String(first + connection)
            case "t": path += String((first + connection) % topics)
            default: break
            }
        }
    }
}
