// Rollcall · LoadGenerator

/// Owns connections that a ``Reactor`` watches.
///
/// A number identifies each connection.
public protocol ReactorClient: AnyObject {
    func ready(_ connection: Int, _ events: UInt32)
    /// Called at the end of each turn, with ``Reactor/now``.
    func passTime(_ now: UInt64)
}

extension ReactorClient {
    public func passTime(_ now: UInt64) {}
}
