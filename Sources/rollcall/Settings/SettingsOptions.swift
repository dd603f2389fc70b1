// Rollcall · rollcall

import ArgumentParser
import JSONText

/// The settings as flags.
///
/// Values stay text here; `SettingsReader` reads them as it reads every other source.
struct SettingsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "JSON file with settings, named as in the environment but in lower case and without ROLLCALL_.",
            valueName: "path"))
    var config: String?

    /// The given values, by file key.
    private(set) var given: [String: String] = [:]

    init() {}

    init(from decoder: any Decoder) throws {
        let flags = try decoder.container(keyedBy: FlagKey.self)
        _config = try flags.decode(Option<String?>.self, forKey: FlagKey(stringValue: "config"))
        for info in SettingsTable.all {
            let key = FlagKey(stringValue: info.fileKey)
            given[info.fileKey] =
                info.isSwitch
                ? try flags.decode(Flag<Bool>.self, forKey: key).wrappedValue ? "true" : nil
                : try flags.decode(Option<String?>.self, forKey: key).wrappedValue
        }
    }

    private struct FlagKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

/// ArgumentParser finds the flags of a type in its mirror, so the mirror has one for each declared setting.
///
/// Its documentation does not promise this, so Package.swift names an exact release of it.
extension SettingsOptions: CustomReflectable {
    var customMirror: Mirror {
        let flags = SettingsTable.all.map { info -> Mirror.Child in
            info.isSwitch ? (info.fileKey, Flag(info)) : (info.fileKey, Option(info))
        }
        return Mirror(self, children: [("config", _config)] + flags)
    }
}

extension Flag where Value == Bool {
    /// Makes the flag of a setting that its presence turns on.
    init(_ info: SettingInfo) {
        self.init(
            wrappedValue: false, name: .customLong(info.name),
            help: ArgumentHelp("\(info.meaning) (\(info.environmentName); \(info.shownDefault))"))
    }
}

extension Option where Value == String? {
    /// Makes the flag that names a file with a secret in it.
    init(fileOf info: SettingInfo) { self.init(info.fileSetting ?? info) }

    /// Makes the flag of a setting, with the help of its declaration.
    init(_ info: SettingInfo) {
        self.init(
            name: .customLong(info.name),
            help: ArgumentHelp(
                "\(info.meaning) (\(info.environmentName); \(info.shownDefault))", valueName: "value"))
    }
}
