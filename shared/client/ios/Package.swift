// swift-tools-version: 5.9
import PackageDescription

let package = Package(
    name: "TandemClient",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [
        .library(name: "TandemClient", targets: ["TandemClient"])
    ],
    targets: [
        .target(name: "TandemClient", resources: [.copy("Script")]),
        .testTarget(name: "TandemClientTests", dependencies: ["TandemClient"]),
    ]
)
