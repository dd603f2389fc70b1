// Rollcall · rollcall

import Basics
import JSONText
import PresenceModel

/// The JSON file with settings.
enum SettingsFile {
    /// Reads the members as text: a port may be 4000 or "4000", rules may be an array.
    ///
    /// A null counts as no value.
    /// Throws if the file cannot be read or is no JSON object, or if a member is no setting or has the wrong type.
    static func read(_ path: String) throws(ProgramError) -> [String: String] {
        let text = try TextFile.read(path, named: "the settings file")
        let document: JSON
        do throws(InputError) {
            document = try JSON(parsing: Array(text.utf8))
        } catch {
            throw .usage("the settings file \(path) is no JSON: \(error.detail)")
        }
        guard let members = document.members else {
            throw .usage("the settings file \(path) is \(document.kind), but must be a JSON object")
        }
        var values: [String: String] = [:]
        for member in members {
            let name = String(decoding: member.name.decoded, as: UTF8.self)
            guard let info = SettingsTable.all.first(where: { member.name.isEqual(to: $0.fileKey) }) else {
                throw .usage(unknown(name, in: path))
            }
            if member.value.isNull { continue }
            values[name] = try value(member.value, of: info, in: path)
        }
        return values
    }

    private static func value(_ json: JSON, of info: SettingInfo, in path: String) throws(ProgramError) -> String {
        if let text = json.string { return text }
        let isScalar = json.members == nil && json.elements == nil && (json.bool == nil || info.isSwitch)
        guard isScalar || info.isJSON else {
            throw .usage("\(info.fileKey) in \(path) must be \(info.expected), but is \(json.kind).")
        }
        return String(decoding: json.compact, as: UTF8.self)
    }

    private static func unknown(_ name: String, in path: String) -> String {
        let known = SettingsTable.all.map(\.fileKey)
        let nearest = SimilarWord.nearest(to: name, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
        return "the settings file \(path) has \"\(Terminal.quoted(name))\", but knows only "
            + known.sorted().joined(separator: ", ") + nearest
    }
}
