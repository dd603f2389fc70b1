// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket: Target.Dependency = .product(name: "NIOWebSocket", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let nioHTTPTypes: Target.Dependency = .product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioExtras: Target.Dependency = .product(name: "NIOExtras", package: "swift-nio-extras")
let nioHTTPTypesHTTP1: Target.Dependency = .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let jwtKit: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

// Homebrew's folders are not searched by themselves; Debian's are, and its flags are ones that SwiftPM warns about.
#if os(macOS)
    let hiredisFlags: String? = "hiredis"
#else
    let hiredisFlags: String? = nil
#endif

let package = Package(
    name: "rollcall",
    platforms: [.macOS(.v15)],
    dependencies: [
        // A release gets into a build only by a commit that names it (docs/decisions.md).
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", exact: "2.28.1"),
        .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-http-types.git", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-collections.git", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration.git", exact: "1.4.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", exact: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", exact: "1.37.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess.git", exact: "1.0.2"),
        .package(url: "https://github.com/vapor/jwt-kit.git", exact: "5.7.1"),
        .package(url: "https://github.com/apple/swift-crypto.git", exact: "4.5.2"),
        .package(url: "https://github.com/jpsim/Yams.git", exact: "6.2.2"),
    ],
    targets: [
        // Pure helpers of the other modules: pauses between attempts, parallel runs, hashes, encodings, the errors of
        // input. Imports the standard library only.
        .target(name: "Basics", swiftSettings: settings),
        // hiredis' reply reader, used as the RESP codec.
        .systemLibrary(
            name: "CHiredis", pkgConfig: hiredisFlags, providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]),
        // Certificates and keys in files.
        .target(name: "PEMFiles", dependencies: [nioSSL], swiftSettings: settings),
        // Bytes to Redis values and back; knows nothing of presence.
        .target(
            name: "Redis",
            dependencies: [
                "Basics", "CHiredis", "PEMFiles", nio, nioPosix, nioSSL, logging, metrics, lifecycle, deque,
            ],
            swiftSettings: settings),
        // JSON that keeps its text: parsed, patched and written as bytes. Knows nothing of presence.
        .target(name: "JSONText", dependencies: ["Basics"], swiftSettings: settings),
        // The domain, without I/O: names, metas, refs, rosters, diffs.
        .target(name: "PresenceModel", dependencies: ["Basics", "JSONText"], swiftSettings: settings),
        // What clients read: rosters, lists and diffs as JSON, and the events of streams.
        .target(
            name: "PresenceText", dependencies: ["Basics", "JSONText", "PresenceModel", nio], swiftSettings: settings),
        // The protocol of Phoenix sockets, without I/O: frames, messages, channels, long polling.
        .target(
            name: "PhoenixSocket",
            dependencies: ["Basics", "JSONText", "PresenceModel", "PresenceText", nio, deque], swiftSettings: settings),
        // The write side: one Lua script per operation, leases, the sweeper.
        .target(
            name: "PresenceStore",
            dependencies: [
                "Basics", "JSONText", "PresenceModel", "PresenceText", "Redis", nio, logging, metrics, lifecycle,
            ],
            resources: [.embedInCode("Scripts")], swiftSettings: settings),
        // libpq, PostgreSQL's C client.
        .systemLibrary(
            name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        // Queries, a pool, notifications and migrations over libpq; knows nothing of presence.
        .target(
            name: "Postgres",
            dependencies: ["Basics", "CPostgres", logging, lifecycle, deque],
            resources: [.embedInCode("migrations")], swiftSettings: settings),
        // Who may do what: API keys, tokens, rights. Decides without I/O.
        .target(
            name: "Access",
            dependencies: ["Basics", "JSONText", "PresenceModel", jwtKit, crypto], swiftSettings: settings),
        // The fetch hook: what PostgreSQL knows of keys, cached and bounded so that it cannot hurt presence.
        .target(
            name: "Enrichment",
            dependencies: ["Basics", "JSONText", "PresenceModel", "Postgres", logging, metrics, lifecycle, deque],
            swiftSettings: settings),
        // The read side: from a pub/sub message to a subscriber.
        .target(
            name: "PresenceFeed",
            dependencies: [
                "Basics", "PresenceModel", "PresenceText", "PresenceStore", "Redis", nio, logging, metrics, lifecycle,
                deque,
            ],
            swiftSettings: settings),
        // The HTTP face: routes, problems, streams, the demo page.
        .target(
            name: "PresenceServer",
            dependencies: [
                "Access", "Basics", "JSONText", "PhoenixSocket", "PresenceModel", "PresenceText", "PresenceStore",
                "PresenceFeed", "Redis", hummingbird, hummingbirdCore, httpTypes, nio, nioHTTP1, nioHTTPTypes,
                nioHTTPTypesHTTP1, nioExtras, nioSSL, nioTLS, nioWebSocket, logging, metrics, coreMetrics, lifecycle,
                deque, crypto,
            ],
            resources: [.embedInCode("Web"), .embedInCode("openapi.yaml")], swiftSettings: settings),
        // Private redis-server and PostgreSQL processes for `rollcall dev` and for tests.
        .target(name: "LocalServices", dependencies: [subprocess], swiftSettings: settings),
        // The program: commands, settings, assembly.
        .executableTarget(
            name: "rollcall",
            dependencies: [
                "Access", "Basics", "JSONText", "PresenceModel", "PresenceStore", "PresenceFeed", "PresenceServer",
                "Redis", "PEMFiles", "Postgres", "Enrichment", "LocalServices", "CHeap", hummingbird, nio, nioPosix,
                nioHTTP1, nioSSL, logging, metrics, lifecycle, signals, httpClient, configuration, argumentParser,
            ],
            swiftSettings: settings),

        // Settings of the C library's heap.
        .systemLibrary(name: "CHeap"),

        // Servers, processes, clients and folds shared by the test targets.
        .target(
            name: "TestSupport",
            dependencies: ["LocalServices", subprocess, httpClient, nio, nioPosix, nioHTTP1, nioSSL, nioTLS, logging],
            path: "Tests/TestSupport", swiftSettings: settings),
        // Random and damaged inputs.
        .target(name: "RandomInput", dependencies: ["Redis", nio], path: "Tests/RandomInput", swiftSettings: settings),
        // Feeds them to every parser of what comes from outside, for as long as you like: `make fuzz`.
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "Access", "Basics", "JSONText", "PhoenixSocket", "PresenceModel", "PresenceText", "RandomInput",
                "PresenceStore", "PresenceFeed", "PresenceServer", "Redis", httpTypes, nio, argumentParser,
            ],
            path: "Tests/Fuzz", swiftSettings: settings),
        // A node that echoes the messages of sockets, for test suites of WebSocket.
        .executableTarget(
            name: "websocket-echo",
            dependencies: [
                "Access", "PhoenixSocket", "PresenceModel", "PresenceText", "PresenceStore", "PresenceFeed",
                "PresenceServer", "Redis", hummingbird, nio, nioPosix, logging, argumentParser,
            ],
            path: "Tests/WebSocketEcho", swiftSettings: settings),
        // Tokens that tests make.
        .target(name: "AccessSamples", dependencies: [crypto], path: "Tests/AccessSamples", swiftSettings: settings),
        .testTarget(
            name: "AccessTests",
            dependencies: [
                "Access", "AccessSamples", "Basics", "JSONText", "PresenceModel", "RandomInput", crypto, cryptoExtras,
            ],
            swiftSettings: settings),
        .testTarget(name: "BasicsTests", dependencies: ["Basics"], swiftSettings: settings),
        .testTarget(
            name: "RedisTests",
            dependencies: [
                "Basics", "RandomInput", "Redis", "LocalServices", "TestSupport", nio, nioPosix, nioEmbedded,
            ],
            swiftSettings: settings),
        // Readable members, refs and presences.
        .target(
            name: "PresenceSamples",
            dependencies: ["PresenceModel"],
            path: "Tests/PresenceSamples", swiftSettings: settings),
        .testTarget(
            name: "JSONTextTests", dependencies: ["Basics", "JSONText", "RandomInput"], swiftSettings: settings),
        .testTarget(
            name: "PresenceModelTests",
            dependencies: ["Basics", "JSONText", "PresenceModel", "PresenceSamples", "RandomInput"],
            swiftSettings: settings),
        .testTarget(
            name: "PresenceTextTests",
            dependencies: [
                "Basics", "JSONText", "PresenceModel", "PresenceText", "PresenceSamples", "RandomInput", nio,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "PhoenixSocketTests",
            dependencies: [
                "Basics", "JSONText", "PhoenixSocket", "PresenceModel", "PresenceText", "RandomInput", nio,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "PresenceStoreTests",
            dependencies: [
                "Basics", "JSONText", "PresenceModel", "PresenceStore", "Redis", "LocalServices", "TestSupport", nio,
                nioPosix, logging, lifecycle,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "PostgresTests",
            dependencies: ["Basics", "Postgres", "LocalServices", "TestSupport", lifecycle],
            swiftSettings: settings),
        .testTarget(
            name: "EnrichmentTests",
            dependencies: [
                "JSONText", "PresenceModel", "RandomInput", "Enrichment", "Postgres", "LocalServices", "TestSupport",
                logging,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "PresenceFeedTests",
            dependencies: [
                "JSONText", "PresenceModel", "PresenceText", "RandomInput", "PresenceFeed", "PresenceStore", "Redis",
                "LocalServices", "TestSupport", nio, nioPosix, logging,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "PresenceServerTests",
            dependencies: [
                "Access", "AccessSamples", "Basics", "JSONText", "PhoenixSocket", "PresenceModel", "PresenceText",
                "RandomInput", "PresenceServer", "PresenceFeed", "PresenceStore", "Redis", "LocalServices",
                "TestSupport", hummingbird,
                hummingbirdCore, nio, nioPosix, nioEmbedded, nioHTTP1, nioHTTPTypes, nioSSL, nioTLS, httpTypes,
                httpClient, logging, metrics, lifecycle, yams,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "LocalServicesTests", dependencies: ["LocalServices", "TestSupport", nio], swiftSettings: settings),
        // The fault matrix; run apart, by `make test-faults`.
        .testTarget(
            name: "FaultTests",
            dependencies: [
                "AccessSamples", "PresenceModel", "PresenceText", "RandomInput", "rollcall", "PresenceStore", "Redis",
                "LocalServices", "TestSupport", nioPosix, logging,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "Basics", "JSONText", "PEMFiles", "PresenceModel", "RandomInput", "rollcall", "fuzz", "PresenceFeed",
                "PresenceServer", "Enrichment", "TestSupport", "LocalServices", "Access", "AccessSamples",
                argumentParser, crypto, nio, nioPosix, nioHTTP1, logging, yams,
            ],
            exclude: ["demo_page.py", "phoenix_page.py", "Contract"], swiftSettings: settings),
    ]
)
