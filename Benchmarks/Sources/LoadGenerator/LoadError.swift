// Rollcall · LoadGenerator

/// Why a measurement could not be made.
public struct LoadError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
