// Rollcall · PhoenixSocket

import Basics

/// The form of a socket's messages, which its client names as `vsn`.
package enum SocketVersion: Sendable, CaseIterable {
    /// `vsn=1.0.x`, or no `vsn`: a message is an object.
    case v1
    /// `vsn=2.0.x`: a message is an array, or binary.
    case v2

    /// Reads the parameter `vsn`; nil for a version that Rollcall does not speak.
    package init?(vsn: String?) {
        guard let vsn else {
            self = .v1
            return
        }
        let parts = vsn.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1] == "0", decimal(parts[2].utf8) != nil else { return nil }
        switch parts[0] {
        case "1": self = .v1
        case "2": self = .v2
        default: return nil
        }
    }
}
