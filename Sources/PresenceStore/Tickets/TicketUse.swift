// Rollcall · PresenceStore

import NIOCore

/// One opening of a stream with a ticket: the name of the ticket, and the tag that the opening puts into its ids.
package struct TicketUse: Hashable, Sendable {
    /// The hash of the ticket's text.
    package let name: String
    /// 16 random characters.
    package let tag: String

    package init(name: String, tag: String) {
        self.name = name
        self.tag = tag
    }

    /// Reads ``message``; nil if Rollcall did not publish it.
    init?(_ message: ByteBuffer) {
        let parts = String(buffer: message).split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "1" else { return nil }
        self.init(name: String(parts[1]), tag: String(parts[2]))
    }

    /// The message that this opening has the ticket now: `1:`, the name, `:` and the tag.
    var message: String { "1:\(name):\(tag)" }
}
