// Rollcall · PresenceTextTests

import PresenceModel
import PresenceSamples
import PresenceText

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
