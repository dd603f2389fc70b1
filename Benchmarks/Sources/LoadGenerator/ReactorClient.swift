// Rollcall · LoadGenerator

/// Owns connections that a ``Reactor`` watches, and tells them apart by their number.
public protocol ReactorClient: AnyObject {
    func ready(_ connection: Int, _ events: UInt32)
}
