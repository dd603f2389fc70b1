// Rollcall · LoadGenerator

import Glibc

/// TCP on the loopback interface.
public enum Sockets {
    private static let bindAddressNoPort: Int32 = 24

    static func address(_ host: UInt32, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = host.bigEndian
        return address
    }

    /// Starts a connection to 127.0.0.1 from 127.0.0.`source`; each source has its own 28,000 ports.
    static func connecting(to port: UInt16, source: Int, blocking: Bool = false) throws(LoadError) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, blocking ? kind : kind | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw failure("socket") }
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        if source > 1 {
            set(descriptor, Int32(IPPROTO_IP), bindAddressNoPort)
            var own = address(0x7f00_0000 + UInt32(source), 0)
            _ = withAddress(&own) { bind(descriptor, $0, $1) }
        }
        var peer = address(0x7f00_0001, port)
        if withAddress(&peer, { Glibc.connect(descriptor, $0, $1) }) < 0, errno != EINPROGRESS {
            let failure = failure("connect to port \(port)")
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    static func listening(on port: UInt16) throws(LoadError) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { throw failure("socket") }
        set(descriptor, SOL_SOCKET, SO_REUSEADDR)
        var own = address(0x7f00_0001, port)
        guard withAddress(&own, { bind(descriptor, $0, $1) }) == 0, listen(descriptor, 4096) == 0 else {
            let failure = failure("listen on port \(port)")
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    /// A port that is free now.
    public static func freePort() throws(LoadError) -> UInt16 {
        let descriptor = try listening(on: 0)
        defer { close(descriptor) }
        var own = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &own) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        return UInt16(bigEndian: own.sin_port)
    }

    static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32 = 1) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    static func fault(of descriptor: Int32) -> Int32 {
        var fault: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &fault, &size)
        return fault
    }

    static func failure(_ action: String) -> LoadError {
        LoadError("\(action): \(String(cString: strerror(errno)))")
    }

    private static func withAddress(
        _ address: inout sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
