// Rollcall · rollcall

import Enrichment
import Foundation
import Logging
import Postgres
import Redis

/// A node's settings, read and checked.
struct Settings: Sendable {
    let host: String
    let port: Int
    /// 0 stands for no bound.
    let maximumConnections: Int
    let redisURL: RedisURL
    let redisPrefix: String
    /// nil stands for none: entries are served as they are.
    let databaseURL: PostgresURL?
    let fetchRules: [FetchRule]
    /// nil stands for a random one.
    let nodeID: String?
    let defaultTTL: Int
    let ttl: ClosedRange<Int>
    let grace: Int
    let maximumMetaBytes: Int
    let diffWindow: Duration
    let pingInterval: Duration
    let slowReaderBytes: Int
    let slowReaderAge: Duration
    let stuckReaderAge: Duration
    let drain: Duration
    let logLevel: Logger.Level
    let logFormat: LogFormat

    /// Reads all settings.
    ///
    /// Each refusal names the setting, its value and what is right.
    init(from reader: SettingsReader) throws(ProgramError) {
        let shortest = try reader.required(SettingsTable.minimumTTL)
        let longest = try reader.required(SettingsTable.maximumTTL)
        let defaultTTL = try reader.required(SettingsTable.defaultTTL)
        guard shortest <= defaultTTL, defaultTTL <= longest else {
            throw .usage(
                """
                the ttl settings contradict each other: \(SettingsTable.minimumTTL.info.environmentName) is \
                \(shortest), \(SettingsTable.defaultTTL.info.environmentName) is \(defaultTTL) and \
                \(SettingsTable.maximumTTL.info.environmentName) is \(longest); in that order they must not decrease.
                """)
        }
        self.host = try reader.required(SettingsTable.host)
        self.port = try reader.required(SettingsTable.port)
        self.maximumConnections = try reader.required(SettingsTable.maximumConnections)
        self.redisPrefix = try reader.required(SettingsTable.redisPrefix)
        self.databaseURL = try reader.databaseURL()
        self.fetchRules = try reader.fetchRules()
        self.nodeID = try reader.value(of: SettingsTable.nodeID)
        self.defaultTTL = defaultTTL
        self.ttl = shortest...longest
        self.grace = try reader.required(SettingsTable.grace)
        self.maximumMetaBytes = try reader.required(SettingsTable.maximumMetaBytes)
        self.diffWindow = .milliseconds(try reader.required(SettingsTable.diffWindow))
        self.pingInterval = .seconds(try reader.required(SettingsTable.pingInterval))
        self.slowReaderBytes = try reader.required(SettingsTable.slowReaderBytes)
        self.slowReaderAge = .seconds(try reader.required(SettingsTable.slowReaderAge))
        self.stuckReaderAge = .seconds(try reader.required(SettingsTable.stuckReaderAge))
        self.drain = .seconds(try reader.required(SettingsTable.drain))
        self.logLevel = try reader.required(SettingsTable.logLevel)
        self.logFormat = try reader.required(SettingsTable.logFormat)
        guard let redisURL = try reader.value(of: SettingsTable.redisURL) else {
            throw .usage(
                """
                no Redis to keep presences in. Set \(SettingsTable.redisURL.info.environmentName) or \
                \(SettingsTable.redisURL.info.flag), for example to redis://127.0.0.1:6379, \
                or run `rollcall dev`, which brings its own.
                """)
        }
        do {
            self.redisURL = try RedisURL(redisURL)
        } catch {
            // The message says what is wrong and leaves out the text, which may hold a password.
            let info = SettingsTable.redisURL.info
            throw .usage("\(info.environmentName) or \(info.flag): \(error.message).")
        }
    }
}

extension SettingsReader {
    /// Gives the database that is named, or nil where none is.
    func databaseURL() throws(ProgramError) -> PostgresURL? {
        guard let text = try value(of: SettingsTable.databaseURL) else { return nil }
        do {
            return try PostgresURL(text)
        } catch {
            // The message says what is wrong and leaves out the text, which may hold a password.
            let info = SettingsTable.databaseURL.info
            throw .usage("\(info.environmentName) or \(info.flag): \(error.message).")
        }
    }

    /// Gives the rules of the fetch hook: those that are written down, or else the one for the table of the migrations.
    func fetchRules() throws(ProgramError) -> [FetchRule] {
        guard let text = try value(of: SettingsTable.fetchRules) else { return FetchRule.standard }
        let info = SettingsTable.fetchRules.info
        guard try value(of: SettingsTable.databaseURL) != nil else {
            throw .usage(
                "\(info.environmentName) or \(info.flag) needs a database; "
                    + "set \(SettingsTable.databaseURL.info.environmentName) too.")
        }
        var json = Array(text.utf8)
        do {
            if text.first(where: { !$0.isWhitespace }) != "[" {
                json = Array(try Data(contentsOf: URL(filePath: text)))
            }
            return try FetchRule.parse(json)
        } catch let error as FetchRuleError {
            throw .usage("\(info.environmentName) or \(info.flag): \(error.message).")
        } catch {
            throw .usage(
                "\(info.environmentName) or \(info.flag): the file \(text) cannot be read: \(error.localizedDescription)"
            )
        }
    }
}
