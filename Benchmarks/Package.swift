// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

// Knows nothing of the service but its wire (HTTP and WebSocket), so that it builds in seconds and measures any server.
let package = Package(
    name: "benchmarks",
    products: [
        .executable(name: "bench", targets: ["bench"]),
        // Preloaded into the measured program: a file of its own, beside bench.
        .library(name: "AllocationCounter", type: .dynamic, targets: ["CAllocationCounter"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2")
    ],
    targets: [
        // epoll and memmem.
        .systemLibrary(name: "CLinux"),
        // malloc and its like, which count.
        .target(name: "CAllocationCounter"),
        // Streams and requests from one thread, and what they cost.
        .target(name: "LoadGenerator", dependencies: ["CLinux"], swiftSettings: settings),
        // The allocations of a process, and their limits.
        .target(name: "AllocationGuard", dependencies: ["LoadGenerator"], swiftSettings: settings),
        // The suites, the servers they drive, the report.
        .executableTarget(
            name: "bench",
            dependencies: [
                "AllocationGuard", "LoadGenerator",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "AllocationGuardTests", dependencies: ["AllocationGuard", "LoadGenerator"], swiftSettings: settings),
        .testTarget(name: "LoadGeneratorTests", dependencies: ["LoadGenerator"], swiftSettings: settings),
    ]
)
