// Rollcall · PresenceFeedTests

import JSONText
import NIOCore

/// Returns a frame as short words: `state alice bob`, `diff +eve ~carol -bob:untracked`, `renewed alice=1`.
///
/// A key has what is added to it: `alice`, `alice=1`, `alice!` where the data could not be had. A frame that only moves
/// the cursor is `diff`.
func words(of frame: ByteBuffer) -> String {
    let lines = String(buffer: frame).split(whereSeparator: \.isNewline)
    func field(_ name: String) -> Substring? {
        lines.first { $0.hasPrefix(name + ": ") }?.dropFirst(name.count + 2)
    }
    let movesCursor = field("id") != nil
    guard let data = field("data") else { return movesCursor ? "diff" : "no event: \(lines)" }
    guard let json = try? JSON(parsing: String(data)) else { return "no JSON: \(data)" }
    if field("event") == "presence_state" { return (["state"] + entries(of: json).map(\.word)).joined(separator: " ") }
    let joins = entries(of: json["joins"]), leaves = entries(of: json["leaves"])
    if !movesCursor { return (["renewed"] + joins.map(\.word).sorted()).joined(separator: " ") }
    let reasons = json["reasons"]
    // An update is a join that is linked to a leave without a reason.
    let updated = leaves.flatMap(\.refs).filter { reasons?[$0] == nil }
    let left = Dictionary(
        leaves.flatMap { entry in entry.refs.compactMap { ref in reasons?[ref]?.string.map { (entry.word, ":\($0)") } }
        },
        uniquingKeysWith: { first, _ in first })
    // A key that left and came back is one word, such as `+bob:untracked`.
    let joined = joins.flatMap { entry in
        entry.previous.map { ($0.map(updated.contains) == true ? "~" : "+") + entry.word + (left[entry.word] ?? "") }
    }
    let gone = left.filter { word, _ in !joins.contains { $0.word == word } }.map { "-\($0)\($1)" }
    return (["diff"] + (joined + gone).sorted()).joined(separator: " ")
}

private struct FrameEntry {
    let word: String
    let refs: [String]
    /// `phx_ref_prev` of each meta.
    let previous: [String?]
}

private func entries(of json: JSON?) -> [FrameEntry] {
    (json?.members ?? []).map { member in
        let metas = member.value["metas"]?.elements ?? []
        let user = member.value["user"].map { "=" + String(decoding: $0.compact, as: UTF8.self) } ?? ""
        return FrameEntry(
            word: (member.name.string ?? "?") + user + (member.value["enriched"]?.bool == false ? "!" : ""),
            refs: metas.compactMap { $0["phx_ref"]?.string }, previous: metas.map { $0["phx_ref_prev"]?.string })
    }
}
