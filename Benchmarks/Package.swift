// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

// Knows nothing of the service but its HTTP, so that it builds in seconds and measures any server.
let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2")
    ],
    targets: [
        // epoll and memmem.
        .systemLibrary(name: "CLinux"),
        // Streams and requests from one thread, and what they cost.
        .target(name: "LoadGenerator", dependencies: ["CLinux"], swiftSettings: settings),
        // The suites, the servers they drive, the report.
        .executableTarget(
            name: "bench",
            dependencies: [
                "LoadGenerator", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .testTarget(name: "LoadGeneratorTests", dependencies: ["LoadGenerator"], swiftSettings: settings),
    ]
)
