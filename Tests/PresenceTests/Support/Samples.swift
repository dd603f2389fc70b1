// Rollcall · PresenceTests

import Testing

@testable import Presence

func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes, as: UTF8.self)
}

func member(_ key: String, _ session: String = "tab") throws -> Member {
    Member(key: try Key(key), session: try Session(session))
}

/// A readable ref: `r1` is `r1--------------`.
func ref(_ name: String) throws -> Ref {
    try #require(Ref(utf8: (name + String(repeating: "-", count: Ref.length - name.utf8.count)).utf8))
}

func presence(_ name: String, after previous: String? = nil, _ meta: String = "{}") throws -> Presence {
    Presence(
        ref: try ref(name), previous: try previous.map { try ref($0) },
        meta: try Meta(JSON(parsing: meta), limit: 4096))
}

extension RosterJSON {
    func text(_ diff: Diff) -> String {
        var output: [UInt8] = []
        write(diff, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    func text(_ roster: Roster) -> String {
        var output: [UInt8] = []
        write(roster, to: &output)
        return String(decoding: output, as: UTF8.self)
    }
}

extension Roster {
    mutating func apply(_ change: Change) {
        if let after = change.after {
            set(after, for: change.member)
        } else {
            remove(change.member)
        }
    }
}
