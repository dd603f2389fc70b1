// Rollcall · LoadGenerator

/// The reason why a measurement failed.
public struct LoadError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
