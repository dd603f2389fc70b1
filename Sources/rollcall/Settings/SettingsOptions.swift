// Rollcall · rollcall

import ArgumentParser

/// The settings as flags.
///
/// Values stay text here; `SettingsReader` reads them as it reads every other source.
struct SettingsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "JSON file with settings, named as in the environment but in lower case and without ROLLCALL_.",
            valueName: "path"))
    var config: String?

    @Option(SettingsTable.host) var host: String?
    @Option(SettingsTable.port) var port: String?
    @Option(SettingsTable.maximumConnections) var maximumConnections: String?
    @Option(SettingsTable.origins) var origins: String?
    @Option(SettingsTable.idleTimeout) var idleTimeout: String?
    @Option(SettingsTable.headTimeout) var headTimeout: String?
    @Option(SettingsTable.bodyTimeout) var bodyTimeout: String?
    @Option(SettingsTable.bodyBudget) var bodyBudget: String?
    @Option(SettingsTable.basePath) var basePath: String?
    @Option(SettingsTable.redisURL) var redisURL: String?
    @Option(fileOf: SettingsTable.redisURL) var redisURLFile: String?
    @Option(SettingsTable.redisAuthorityFile) var redisAuthorityFile: String?
    @Option(SettingsTable.redisCertificateFile) var redisCertificateFile: String?
    @Option(SettingsTable.redisKeyFile) var redisKeyFile: String?
    @Option(SettingsTable.redisPrefix) var redisPrefix: String?
    @Option(SettingsTable.databaseURL) var databaseURL: String?
    @Option(fileOf: SettingsTable.databaseURL) var databaseURLFile: String?
    @Option(SettingsTable.profilesTable) var profilesTable: String?
    @Option(SettingsTable.fetchRules) var fetchRules: String?
    @Option(SettingsTable.nodeID) var nodeID: String?
    @Option(SettingsTable.defaultTTL) var defaultTTL: String?
    @Option(SettingsTable.minimumTTL) var minimumTTL: String?
    @Option(SettingsTable.maximumTTL) var maximumTTL: String?
    @Option(SettingsTable.grace) var grace: String?
    @Option(SettingsTable.maximumMetaBytes) var maximumMetaBytes: String?
    @Option(SettingsTable.diffWindow) var diffWindow: String?
    @Option(SettingsTable.pingInterval) var pingInterval: String?
    @Option(SettingsTable.slowReaderBytes) var slowReaderBytes: String?
    @Option(SettingsTable.slowReaderAge) var slowReaderAge: String?
    @Option(SettingsTable.stuckReaderAge) var stuckReaderAge: String?
    @Option(SettingsTable.maximumStreamQueueBytes) var maximumStreamQueueBytes: String?
    @Option(SettingsTable.maximumReplayBytes) var maximumReplayBytes: String?
    @Option(SettingsTable.maximumTopics) var maximumTopics: String?
    @Option(SettingsTable.drain) var drain: String?
    @Option(SettingsTable.logLevel) var logLevel: String?
    @Option(SettingsTable.logFormat) var logFormat: String?

    /// The given values, by file key.
    var given: [String: String] {
        // In the order of `SettingsTable.all`.
        let values = [
            host, port, maximumConnections, origins, idleTimeout, headTimeout, bodyTimeout, bodyBudget, basePath,
            redisURL, redisURLFile, redisAuthorityFile, redisCertificateFile, redisKeyFile, redisPrefix, databaseURL,
            databaseURLFile, profilesTable, fetchRules, nodeID, defaultTTL,
            minimumTTL,
            maximumTTL, grace, maximumMetaBytes, diffWindow, pingInterval, slowReaderBytes, slowReaderAge,
            stuckReaderAge, maximumStreamQueueBytes, maximumReplayBytes, maximumTopics, drain, logLevel, logFormat,
        ]
        return Dictionary(
            uniqueKeysWithValues: zip(SettingsTable.all, values).compactMap { info, value in
                value.map { (info.fileKey, $0) }
            })
    }
}

extension Option where Value == String? {
    /// Makes the flag of a setting, with the help that the table has for it.
    init<Read>(_ setting: Setting<Read>) { self.init(setting.info) }

    /// Makes the flag that names a file with a secret in it.
    init<Read>(fileOf setting: Setting<Read>) { self.init(setting.info.fileSetting ?? setting.info) }

    private init(_ info: SettingInfo) {
        self.init(
            name: .customLong(info.name),
            help: ArgumentHelp(
                "\(info.meaning) (\(info.environmentName); \(info.shownDefault))", valueName: "value"))
    }
}
