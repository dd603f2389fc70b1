// Rollcall · rollcall

import Configuration
import Foundation
import Presence

/// Looks settings up in their sources: flags, then `ROLLCALL_*` environment, then a JSON file.
struct SettingsReader: Sendable {
    /// One source, and how a message names a setting of it.
    private struct Layer: Sendable {
        let values: ConfigReader
        let nameOf: @Sendable (SettingInfo) -> String
    }

    /// The first layer that has a value wins.
    private let layers: [Layer]

    /// Opens the sources.
    ///
    /// `file` is a path, given or taken from `ROLLCALL_CONFIG`; a file that was named must be there.
    init(
        flags: [String: String], environment: [String: String] = ProcessInfo.processInfo.environment,
        file: String? = nil
    ) async throws(ProgramError) {
        var layers = [
            Layer(
                values: ConfigReader(provider: Self.provider("flags", flags.map { ($0, $1) })),
                nameOf: \.flag),
            Layer(
                values: ConfigReader(
                    provider: EnvironmentVariablesProvider(environmentVariables: environment)
                        .prefixKeys(with: "rollcall")),
                nameOf: \.environmentName),
        ]
        if let path = file ?? environment["ROLLCALL_CONFIG"] {
            layers.append(
                Layer(
                    values: ConfigReader(provider: try await Self.open(path)),
                    nameOf: { "\($0.fileKey) in \(path)" }))
        }
        self.layers = layers
    }

    /// Gives a setting's value, its default where no source has one, and nil where there is no default either.
    func value<Value>(of setting: Setting<Value>) throws(ProgramError) -> Value? {
        for layer in layers {
            guard
                let text = layer.values.string(
                    forKey: ConfigKey([setting.info.fileKey]), isSecret: setting.info.isSecret)
            else { continue }
            guard let value = setting.parse(text) else {
                let shown = setting.info.isSecret ? "something else (a secret, not shown)" : "\"\(text)\""
                throw .usage("\(layer.nameOf(setting.info)) must be \(setting.info.expected), but is \(shown).")
            }
            return value
        }
        return setting.info.fallback.flatMap(setting.parse)
    }

    /// Gives the value of a setting that has a default.
    func required<Value>(_ setting: Setting<Value>) throws(ProgramError) -> Value {
        guard let value = try value(of: setting) else {
            throw .usage("\(setting.info.environmentName) is not set. \(setting.info.meaning)")
        }
        return value
    }

    /// Reads the file's members as text, whichever type each has: a port may be 4000 or "4000", rules may be an array.
    private static func open(_ path: String) async throws(ProgramError) -> InMemoryProvider {
        do {
            let document = try JSON(parsing: Array(Data(contentsOf: URL(filePath: path))))
            // A misspelt name must not be passed over.
            try refuseUnknownMembers(of: document, path)
            let members = (document.members ?? []).filter { !$0.value.isNull }
            return Self.provider(
                "file",
                members.map { member in
                    let name = String(decoding: member.name.decoded, as: UTF8.self)
                    return (name, member.value.string ?? String(decoding: member.value.compact, as: UTF8.self))
                })
        } catch let error as ProgramError {
            throw error
        } catch let error as PresenceError {
            throw .usage("the settings file \(path) is no JSON: \(error.detail)")
        } catch {
            throw .usage("the settings file \(path) cannot be read: \(error.localizedDescription)")
        }
    }

    private static func provider(_ name: String, _ values: some Sequence<(String, String)>) -> InMemoryProvider {
        InMemoryProvider(
            name: name,
            values: Dictionary(
                uniqueKeysWithValues: values.map { name, text in
                    (AbsoluteConfigKey([name]), ConfigValue(.string(text), isSecret: false))
                }))
    }

    private static func refuseUnknownMembers(of document: JSON, _ path: String) throws(ProgramError) {
        guard let members = document.members else {
            throw .usage("the settings file \(path) is \(document.kind), but must be a JSON object")
        }
        let known = SettingsTable.all.map(\.fileKey)
        for member in members where !known.contains(where: member.name.isEqual) {
            let name = String(decoding: member.name.decoded, as: UTF8.self)
            throw .usage(
                "the settings file \(path) has \"\(Terminal.harmless(name))\", but knows only "
                    + known.sorted().joined(separator: ", "))
        }
    }
}
