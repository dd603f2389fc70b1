// Rollcall · rollcall

import Access
import Foundation
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import Postgres
import PresenceModel
import PresenceFeed
import PresenceServer
import PresenceStore
import Redis
import ServiceLifecycle

/// Assembles a node from all modules and runs it.
struct Assembly: Sendable {
    let settings: Settings
    let telemetry: Telemetry
    var hangup = NodeSignals.Hangup.reloads

    /// Runs a node until SIGTERM, SIGINT or a fatal error, which is thrown.
    ///
    /// - Parameter onListening: Called with the node's address when the node listens.
    func run(onListening: @escaping @Sendable (_ address: String) -> Void = { _ in }) async throws {
        let signals = await NodeSignals(hangup: hangup)
        let logger = Logger(label: "rollcall")
        for variable in settings.unknownVariables {
            logger.warning(
                "settings: unknown variable ignored",
                metadata: ["variable": "\(variable.name)", "nearest": "\(variable.nearest ?? "none")"])
        }
        let node = settings.nodeID ?? "\(Session.random())"
        let redisURL = settings.redisURL
        Heap.keepLargeBuffers()
        let openFiles = OpenFiles.raiseLimit()
        let loops = MultiThreadedEventLoopGroup.singleton
        let share = settings.share(
            ofOpenFiles: openFiles, eventLoops: loops.makeIterator().reduce(0) { sum, _ in sum + 1 })
        logger.info(
            "node: starting",
            metadata: [
                "node": "\(node)", "redis": "\(redisURL)", "open_files": "\(openFiles.map(String.init) ?? "unknown")",
                "connections": "\(settings.connections(of: share))",
            ])
        if openFiles == nil {
            logger.warning(
                "http: limit of open files unknown", metadata: ["assumed": "\(OpenFiles.assumedLimit)"])
        }
        guard !share.isTooLow else {
            throw ProgramError.unavailable(
                "this process may have \(openFiles ?? 0) open files; a node needs \(share.lowest) at least (ulimit -n)")
        }
        if share.isScarce {
            logger.warning(
                "http: limit of open files is low, few clients fit",
                metadata: ["reserved": "\(share.reserved)", "connections": "\(share.connections)"])
        }

        let limits = settings.serverOptions.limits
        let redisEvents = RedisConnectionChecks.ConnectionEvents()
        let keys = StoreKeys(prefix: settings.redisPrefix, database: redisURL.database)
        var redisOptions = RedisOptions()
        redisOptions.scripts = PresenceStore.scripts
        redisOptions.admission = try PresenceStore.admission(keys)
        redisOptions.probePrefix = keys.probePrefix
        redisOptions.tls = settings.redisTLS
        redisOptions.urlName = SettingsTable.declared.redisURL.info.environmentName
        let accessKeys = try await settings.keySources.load(logger)
        let credentials = Credentials(
            accessKeys, isOpen: settings.keySources.isOpen, fetches: settings.keySources.jwksURL != nil,
            readsRevocations: true)
        if credentials.isOpen { logger.warning("access: node is open, callers need no credential") }
        let pool = RedisPool(url: redisURL, options: redisOptions, eventLoopGroup: loops, logger: logger)
        pool.observe(redisEvents.receive)
        let store = PresenceStore(pool: pool, keys: keys, limits: limits)
        let hook = try await hookServices(logger)
        let enricher = hook?.enricher ?? .none
        let queueBudget = QueueBudget(
            maximumStreamQueueBytes: settings.maximumStreamQueueBytes,
            slowReaderAge: settings.streamOptions.slowReaderAge, logger: logger)
        var feedOptions = settings.feedOptions
        feedOptions.makeRoom = queueBudget.makeRoom
        let tickets = TicketKeeper(store: store, logger: logger)
        let registry = StreamRegistry(
            eventLoopGroup: loops, options: settings.streamOptions, budget: queueBudget, credentials: credentials)
        let revocations = RevocationKeeper(
            store: store, credentials: credentials, logger: logger, onNew: registry.endStreams)
        pool.observe { if case .connected = $0 { revocations.readSoon() } }
        let polls = LongPollTable()
        let forwarder = PollForwarder(node: node, store: store, table: polls, logger: logger)
        let socketSecret = SocketSecret(store: store, logger: logger)
        pool.observe { if case .connected = $0 { socketSecret.readSoon() } }
        let hub = FeedHub(
            store: store, redisURL: redisURL, redisOptions: redisOptions, probe: pool, eventLoopGroup: loops,
            enricher: enricher, tickets: tickets, onRevocations: revocations.readSoon,
            polls: PollInbox(channel: keys.pollChannel(of: node), receive: forwarder.receive), options: feedOptions,
            logger: logger)
        let leases = LeaseKeeper(store: store, logger: logger)
        let sweeper = Sweeper(
            store: store, node: node, logger: logger,
            onNodeListLost: {
                leases.recover()
                hub.comparePositionsSoon()
                revocations.readSoon()
                socketSecret.readSoon()
            })
        let callerLimits = RequestLimits(settings.httpOptions.limits, logger: logger)
        let streams = StreamRoutes(
            hub: hub, store: store, leases: leases, tickets: tickets, registry: registry, limits: limits,
            callerLimits: callerLimits, options: settings.streamOptions)
        let origins = OriginPolicy(
            settings.origins, listeningOn: settings.host, isOpen: credentials.isOpen,
            proxies: settings.httpOptions.limits.proxies)
        let sockets = SocketRoutes(
            hub: hub, store: store, leases: leases, registry: registry, origins: origins, limits: limits,
            callerLimits: callerLimits, options: settings.streamOptions)
        let longPolls = LongPollRoutes(
            sockets: sockets, table: polls, forwarder: forwarder, secret: socketSecret)
        let checks: @Sendable () async -> [HealthCheck] = {
            let draining = HealthCheck("draining", fault: registry.isDraining ? "the node is stopping" : nil)
            return await HealthCheck.redis(store) + [.access(credentials), draining] + (hook?.checks ?? [])
        }
        let table = RouteTable.rollcall(
            PresenceBackend(store: store, live: hub.live, enricher: enricher, queueBudget: queueBudget),
            revocations: revocations,
            streams: StreamHandlers(
                topicEvents: streams.topicEvents, manyTopicEvents: streams.manyTopicEvents,
                ticketEvents: streams.ticketEvents),
            sockets: SocketHandlers(open: sockets.open, poll: longPolls.poll, send: longPolls.send),
            options: settings.serverOptions, checks: checks, metrics: telemetry.metrics)

        let tls = try settings.tlsFiles.map { ServerTLS(try $0.load()) }
        var httpOptions = settings.httpOptions
        httpOptions.maximumConnections = settings.connections(of: share)
        httpOptions.tls = tls
        let bodyBudget = BodyBudget(limit: httpOptions.bodyBudget)
        var app = HTTPServer.application(
            RollcallResponder(
                table: table, credentials: credentials, origins: origins, limits: callerLimits,
                queueBudget: queueBudget),
            options: httpOptions, budget: bodyBudget, eventLoopGroup: loops, logger: logger
        ) { [telemetry] channel in
            let address = settings.address.url(port: channel.localAddress?.port)
            switch settings.logFormat {
            case .text: telemetry.output.write("rollcall: listening on \(address)\n")
            case .json: logger.info("http: listening", metadata: ["address": "\(address)"])
            }
            onListening(address)
        }
        app.beforeServerStarts {
            // A node also starts while Redis is away, so that it serves as soon as Redis is back.
            guard try await redisEvents.waitUntilChecked(timeout: .seconds(5)) else {
                return logger.warning("redis: not usable yet; the node starts without it")
            }
            // Until then no credential can be checked.
            await revocations.readNow()
        }

        // At a graceful shutdown each one stops after those below it.
        let databaseServices = hook?.services ?? []
        var keyServices: [(name: String, service: any Service)] = []
        if let url = settings.keySources.jwksURL {
            let client = JWKSClient(
                url: url, credentials: credentials, logger: logger, onChange: registry.endStreamsOfRetiredKeys)
            keyServices = [("JWKS client", client)]
        }
        var services: [(name: String, service: any Service)] =
            databaseServices + keyServices + [
                ("redis pool", pool),
                ("feed hub", hub),
                ("sweeper", WaitsForRedis(redis: redisEvents, service: sweeper)),
                ("lease keeper", leases),
                ("ticket keeper", tickets),
                ("socket secret", socketSecret),
                ("poll forwarder", forwarder),
                ("revocation keeper", WaitsForRedis(redis: redisEvents, service: revocations)),
                (
                    "redis connection checks",
                    RedisConnectionChecks(redisEvents, store: store, leases: leases, logger: logger)
                ),
            ]
        if let address = settings.operatorAddress {
            // It answers until the streams of clients have ended.
            let server = operatorServer(
                at: address, store: store, revocations: revocations, checks: checks, credentials: credentials,
                budget: bodyBudget, eventLoopGroup: loops, logger: logger)
            services.append((name: "operator server", service: server))
        }
        let server = DrainingServer(
            ListeningServer(server: app, address: settings.address), registry: registry,
            over: settings.streamOptions.drain, logger: logger)
        services.append((name: "http server", service: server))
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0.service, serviceName: $0.name) },
            logger: logger)
        configuration.maximumGracefulShutdownDuration = .milliseconds(9_500)
        try await signals.run(ServiceGroup(configuration: configuration), logger: logger) {
            await reloadKeys(credentials, registry, logger)
            if let tls { reloadCertificate(tls, logger) }
        }
    }
}

extension Assembly {
    /// Reads the files with keys again; after an error the node keeps the keys that it has.
    private func reloadKeys(_ credentials: Credentials, _ registry: StreamRegistry, _ logger: Logger) async {
        do {
            credentials.replace(with: try await settings.keySources.load(logger))
        } catch {
            return logger.error("access: keys not read again, the earlier ones stay", metadata: ["error": "\(error)"])
        }
        logger.notice("access: keys read again")
        await registry.endStreamsOfRetiredKeys()
    }

    /// Reads the certificate and its key again; after an error new connections get the earlier one.
    private func reloadCertificate(_ tls: ServerTLS, _ logger: Logger) {
        do {
            guard let context = try settings.tlsFiles?.load() else { return }
            tls.replace(with: context)
        } catch {
            return logger.error(
                "http: certificate not read again, the earlier one stays", metadata: ["error": "\(error)"])
        }
        logger.notice("http: certificate read again")
    }

    /// The fetch hook; nil without a database or without rules.
    private func hookServices(_ logger: Logger) async throws(ProgramError) -> HookServices? {
        guard let url = settings.databaseURL, !settings.fetchRules.isEmpty else { return nil }
        return try await HookServices(
            database: url, rules: settings.fetchRules, channel: settings.profilesTable.channel, logger: logger)
    }
}

extension Settings {
    /// Divides the open files between clients and the node itself, with its connections to Redis, PostgreSQL and
    /// operators.
    fileprivate func share(ofOpenFiles limit: Int?, eventLoops: Int) -> OpenFiles.Share {
        // Connections for commands, those that replace them at a read-only server, and one subscriber.
        let redis = RedisOptions().connections * 2 + 1
        // One more listens for notifications.
        let postgres = databaseURL == nil ? 0 : PostgresPoolOptions().maximum + 1
        // Those beyond the limit of the port, and one more that listens for connections.
        let operators = operatorAddress == nil ? 0 : Assembly.operatorFiles + 1
        return OpenFiles.Share(limit: limit, eventLoops: eventLoops, services: redis + postgres + operators)
    }

    /// The connections of clients that a node may have open, beside those that it keeps for probes.
    fileprivate func connections(of share: OpenFiles.Share) -> Int {
        let most = share.connections - 2 * HTTPServer.reservedConnections(for: share.connections)
        return min(httpOptions.maximumConnections ?? .max, max(1, most))
    }
}
