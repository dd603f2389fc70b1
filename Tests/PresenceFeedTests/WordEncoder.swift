// Rollcall · PresenceFeedTests

import NIOCore
import Presence
import PresenceFeed

extension FeedEncoder {
    /// Writes frames as short words: `state alice bob`, `diff +eve -bob:untracked`, `renewed alice=1`.
    static let words = FeedEncoder(
        state: { enriched, _ in
            ByteBuffer(string: (["state"] + enriched.roster.sortedKeys.map(enriched.word)).joined(separator: " "))
        },
        diff: { diff, enriched, _ in
            let words = diff.changes.map { change in
                (change.isUpdate ? "~" : change.after != nil ? "+" : "-") + enriched.word(change.member.key)
                    + (change.reason.map { ":\($0.rawValue)" } ?? "")
            }
            return ByteBuffer(string: (["diff"] + words.sorted()).joined(separator: " "))
        },
        dataChange: { keys, enriched, _ in
            ByteBuffer(string: (["renewed"] + keys.map(enriched.word).sorted()).joined(separator: " "))
        })
}

extension EnrichedRoster {
    /// A key with what is added to it: `alice`, `alice=1`, `alice!` where the data could not be had.
    fileprivate func word(_ key: Key) -> String {
        guard let extra = extras[key] else { return key.text }
        let data = String(decoding: extra, as: UTF8.self)
        return key.text + data.replacing(#","user":"#, with: "=").replacing(#","enriched":false"#, with: "!")
    }
}
