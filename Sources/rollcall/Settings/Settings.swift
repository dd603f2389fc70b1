// Rollcall · rollcall

import Enrichment
import Foundation
import Logging
import Postgres
import PresenceServer
import Redis

/// A node's settings, read and checked.
struct Settings: Sendable {
    let host: String
    let port: Int
    /// 0 stands for no bound.
    let maximumConnections: Int
    let origins: [ServedOrigins.Origin]
    let idleTimeout: Duration
    let headTimeout: Duration
    let bodyTimeout: Duration
    let bodyBudget: Int
    let basePath: BasePath
    let redisURL: RedisURL
    let redisTLS: RedisTLS
    let redisPrefix: String
    /// nil stands for none: entries are served without enrichment.
    let databaseURL: PostgresURL?
    let profilesTable: ProfilesTable
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
    let maximumStreamQueueBytes: Int
    let maximumReplayBytes: Int
    let maximumTopics: Int
    let drain: Duration
    let logLevel: Logger.Level
    let logFormat: LogFormat
    /// Variables that begin with `ROLLCALL_` and are no settings; the node warns of them.
    let unknownVariables: [UnknownVariable]

    /// Reads all settings.
    ///
    /// Each error names the setting, its value unless it is a secret, and the values that are allowed.
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
        self.origins = try reader.value(of: SettingsTable.origins) ?? []
        self.idleTimeout = .seconds(try reader.required(SettingsTable.idleTimeout))
        self.headTimeout = .seconds(try reader.required(SettingsTable.headTimeout))
        self.bodyTimeout = .seconds(try reader.required(SettingsTable.bodyTimeout))
        self.bodyBudget = try reader.required(SettingsTable.bodyBudget)
        self.basePath = try reader.value(of: SettingsTable.basePath) ?? .root
        self.redisPrefix = try reader.required(SettingsTable.redisPrefix)
        self.databaseURL = try reader.databaseURL()
        self.profilesTable = try reader.required(SettingsTable.profilesTable)
        self.fetchRules = try reader.fetchRules(standard: FetchRule.standard(for: profilesTable))
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
        self.maximumStreamQueueBytes = try reader.required(SettingsTable.maximumStreamQueueBytes)
        self.maximumReplayBytes = try reader.required(SettingsTable.maximumReplayBytes)
        self.maximumTopics = try reader.required(SettingsTable.maximumTopics)
        self.drain = .seconds(try reader.required(SettingsTable.drain))
        self.logLevel = try reader.required(SettingsTable.logLevel)
        self.logFormat = try reader.required(SettingsTable.logFormat)
        self.unknownVariables = reader.unknownVariables
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
            // The message names the fault and leaves out the text, which may hold a password.
            throw .usage("\(reader.name(of: SettingsTable.redisURL.info)): \(error.message).")
        }
        self.redisTLS = try reader.redisTLS(for: self.redisURL)
    }
}

extension SettingsReader {
    /// Returns the database that the settings name; nil if they name none.
    func databaseURL() throws(ProgramError) -> PostgresURL? {
        guard let text = try value(of: SettingsTable.databaseURL) else { return nil }
        do {
            return try PostgresURL(text)
        } catch {
            // The message names the fault and leaves out the text, which may hold a password.
            throw .usage("\(name(of: SettingsTable.databaseURL.info)): \(error.message).")
        }
    }

    /// Returns the rules of the fetch hook: those of the settings, else `standard`.
    func fetchRules(standard: [FetchRule]) throws(ProgramError) -> [FetchRule] {
        guard let text = try value(of: SettingsTable.fetchRules) else { return standard }
        let name = name(of: SettingsTable.fetchRules.info)
        guard try value(of: SettingsTable.databaseURL) != nil else {
            throw .usage(
                "\(name) needs a database; set \(SettingsTable.databaseURL.info.environmentName) too.")
        }
        let json = ["[", "{"].contains(text.first) ? text : try TextFile.read(text, named: name)
        do throws(FetchRuleError) {
            return try FetchRule.parse(Array(json.utf8))
        } catch {
            throw .usage("\(name): \(error.message).")
        }
    }
}
