// Rollcall · fuzz

import PresenceModel
import PresenceFeed
import PresenceStore

extension FeedMessage {
    /// The bytes of the message, as a script publishes them.
    var bytes: [UInt8] {
        var bytes = Array("1:\(cursor.epoch):\(cursor.seq):\(isWholeState ? "*" : "")".utf8)
        for record in records {
            switch record {
            case .set(let member, let stored):
                let (member, value) = (member.bytes, stored.bytes)
                bytes += Array("+\(member.count):\(value.count):".utf8) + member + value
            case .leave(let member, let reason):
                bytes += Array("-\(reason.letter)\(member.bytes.count):".utf8) + member.bytes
            }
        }
        return bytes
    }
}

extension LeaveReason {
    fileprivate var letter: String {
        switch self {
        case .untracked: "u"
        case .removed: "r"
        case .closed: "c"
        case .expired: "x"
        case .evicted: "e"
        case .lost: "l"
        }
    }
}
