// Rollcall · rollcall

import Access
import Enrichment
import Hummingbird
import Logging
import Postgres
import PresenceModel
import PresenceFeed
import PresenceServer
import Redis

/// A node's settings, read and checked, as the options of the modules that use them.
struct Settings: Sendable {
    let host: String
    let port: Int
    /// nil stands for HTTP in clear text.
    let tlsFiles: TLSFiles?
    /// nil stands for none: operators use the port of clients.
    let operatorAddress: ListenAddress?
    let origins: [OriginPolicy.Origin]
    /// Without a maximum of connections, the limit on open files bounds them.
    private(set) var httpOptions: HTTPServer.Options
    private(set) var serverOptions: ServerOptions
    private(set) var streamOptions = StreamOptions()
    private(set) var feedOptions = FeedOptions()
    let maximumStreamQueueBytes: Int
    let redisURL: RedisURL
    let redisTLS: RedisTLS
    let redisPrefix: String
    /// nil stands for none: entries are served without enrichment.
    let databaseURL: PostgresURL?
    let profilesTable: ProfilesTable
    let fetchRules: [FetchRule]
    /// nil stands for a random one.
    let nodeID: String?
    let logLevel: Logger.Level
    let logFormat: LogFormat
    /// Where the keys of callers are.
    let keySources: KeySources
    /// Variables that begin with `ROLLCALL_` and are no settings; the node warns of them.
    let unknownVariables: [UnknownVariable]

    /// Reads all settings.
    ///
    /// Each error names the setting, its value unless it is a secret, and the values that are allowed.
    ///
    /// - Parameter isOpen: Opens the node, also without the setting.
    init(from reader: SettingsReader, isOpen: Bool = false) throws(ProgramError) {
        let table = SettingsTable.declared
        serverOptions = ServerOptions(limits: try reader.limits())
        serverOptions.basePath = try reader.value(of: table.basePath) ?? .root

        host = try reader.required(table.host)
        port = try reader.required(table.port)
        tlsFiles = try reader.serverTLS()
        operatorAddress = try reader.operatorAddress()
        serverOptions.hasOperatorPort = operatorAddress != nil
        origins = try reader.value(of: table.origins) ?? []
        httpOptions = HTTPServer.Options(address: .hostname(host, port: port))
        let maximumConnections = try reader.required(table.maximumConnections)
        httpOptions.maximumConnections = maximumConnections == 0 ? nil : maximumConnections
        httpOptions.times.idleTimeout = try reader.required(table.idleTimeout)
        httpOptions.times.headTimeout = try reader.required(table.headTimeout)
        httpOptions.times.bodyTimeout = try reader.required(table.bodyTimeout)
        httpOptions.times.stuckReaderAge = try reader.required(table.stuckReaderAge)
        httpOptions.bodyBudget = try reader.required(table.bodyBudget)
        httpOptions.limits.user = try reader.required(table.userLimits)
        httpOptions.limits.apiKey = try reader.required(table.apiKeyLimits)
        httpOptions.limits.address = try reader.required(table.addressLimits)
        httpOptions.limits.proxies = try reader.value(of: table.trustedProxies) ?? TrustedProxies()

        streamOptions.pingInterval = try reader.required(table.pingInterval)
        streamOptions.slowReaderBytes = try reader.required(table.slowReaderBytes)
        streamOptions.slowReaderAge = try reader.required(table.slowReaderAge)
        streamOptions.stuckReaderAge = try reader.required(table.stuckReaderAge)
        streamOptions.drain = try reader.required(table.drain)
        maximumStreamQueueBytes = try reader.required(table.maximumStreamQueueBytes)

        feedOptions.diffWindow = try reader.required(table.diffWindow)
        feedOptions.maximumTopics = try reader.required(table.maximumTopics)
        feedOptions.maximumReplayBytes = try reader.required(table.maximumReplayBytes)

        redisPrefix = try reader.required(table.redisPrefix)
        databaseURL = try reader.databaseURL()
        profilesTable = try reader.required(table.profilesTable)
        fetchRules = try reader.fetchRules(standard: FetchRule.standard(for: profilesTable))
        nodeID = try reader.value(of: table.nodeID)
        logLevel = try reader.required(table.logLevel)
        logFormat = try reader.required(table.logFormat)
        unknownVariables = reader.unknownVariables
        redisURL = try reader.redisURL()
        redisTLS = try reader.redisTLS(for: redisURL)
        keySources = try KeySources(reader, isOpen: isOpen)
    }

    /// The address for clients.
    var address: ListenAddress {
        let table = SettingsTable.declared
        return ListenAddress(
            host: host, port: port, hostSetting: table.host.info, portSetting: table.port.info,
            isSecure: tlsFiles != nil)
    }
}

extension SettingsReader {
    /// Returns the bounds of the HTTP API; throws if the ttl settings contradict each other.
    fileprivate func limits() throws(ProgramError) -> Limits {
        let table = SettingsTable.declared
        let shortest = try required(table.minimumTTL)
        let longest = try required(table.maximumTTL)
        let defaultTTL = try required(table.defaultTTL)
        guard shortest <= defaultTTL, defaultTTL <= longest else {
            throw .usage(
                """
                the ttl settings contradict each other: \(table.minimumTTL.info.environmentName) is \
                \(shortest), \(table.defaultTTL.info.environmentName) is \(defaultTTL) and \
                \(table.maximumTTL.info.environmentName) is \(longest); in that order they must not decrease.
                """)
        }
        return Limits(
            maximumMetaBytes: try required(table.maximumMetaBytes), ttl: shortest...longest, defaultTTL: defaultTTL,
            defaultGrace: try required(table.grace))
    }

    /// Returns the address for operators; nil if the settings have no port for them.
    fileprivate func operatorAddress() throws(ProgramError) -> ListenAddress? {
        let table = SettingsTable.declared
        let host = try required(table.operatorHost)
        guard let port = try value(of: table.operatorPort) else { return nil }
        return ListenAddress(
            host: host, port: port, hostSetting: table.operatorHost.info, portSetting: table.operatorPort.info)
    }

    /// Returns the address of Redis; throws if the settings have none.
    fileprivate func redisURL() throws(ProgramError) -> RedisURL {
        let setting = SettingsTable.declared.redisURL
        guard let text = try value(of: setting) else {
            throw .usage(
                """
                no Redis to keep presences in. Set \(setting.info.environmentName) or \(setting.info.flag), \
                for example to redis://127.0.0.1:6379, or run `rollcall dev`, which brings its own.
                """)
        }
        do {
            return try RedisURL(text)
        } catch {
            // The message names the fault and leaves out the text, which may hold a password.
            throw .usage("\(name(of: setting.info)): \(error.message).")
        }
    }

    /// Returns the database that the settings name; nil if they name none.
    func databaseURL() throws(ProgramError) -> PostgresURL? {
        let setting = SettingsTable.declared.databaseURL
        guard let text = try value(of: setting) else { return nil }
        do {
            return try PostgresURL(text)
        } catch {
            // The message names the fault and leaves out the text, which may hold a password.
            throw .usage("\(name(of: setting.info)): \(error.message).")
        }
    }

    /// Returns the rules of the fetch hook: those of the settings, else `standard`.
    fileprivate func fetchRules(standard: [FetchRule]) throws(ProgramError) -> [FetchRule] {
        let table = SettingsTable.declared
        guard let text = try value(of: table.fetchRules) else { return standard }
        let name = name(of: table.fetchRules.info)
        guard try value(of: table.databaseURL) != nil else {
            throw .usage("\(name) needs a database; set \(table.databaseURL.info.environmentName) too.")
        }
        let json = ["[", "{"].contains(text.first) ? text : try TextFile.read(text, named: name)
        do throws(FetchRuleError) {
            return try FetchRule.parse(Array(json.utf8))
        } catch {
            throw .usage("\(name): \(error.message).")
        }
    }
}
