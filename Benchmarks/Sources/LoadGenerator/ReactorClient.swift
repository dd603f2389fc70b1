// Rollcall · LoadGenerator

/// Owns connections that a ``Reactor`` watches.
///
/// A number identifies each connection.
public protocol ReactorClient: AnyObject {
    func ready(_ connection: Int, _ events: UInt32)
}
