# All images: docker buildx bake -f infra/containers/docker-bake.hcl
# NODE_DIGEST, DISTROLESS_DIGEST, REGISTRY and VERSION come from the environment; the first two have no default on purpose.

variable "NODE_DIGEST" {}
variable "DISTROLESS_DIGEST" {}

variable "REGISTRY" {
  default = "tandem"
}

variable "VERSION" {
  default = "local"
}

group "default" {
  targets = ["image"]
}

target "image" {
  name       = service
  matrix     = { service = ["sigpair", "duo-node", "functions", "kms"] }
  context    = "."
  dockerfile = "infra/containers/Dockerfile"
  args = {
    TARGET            = service
    NODE_DIGEST       = NODE_DIGEST
    DISTROLESS_DIGEST = DISTROLESS_DIGEST
    # the same layers for the same sources: no file is newer than any other
    SOURCE_DATE_EPOCH = "0"
  }
  tags   = ["${REGISTRY}/${service}:${VERSION}"]
  attest = ["type=provenance,mode=max", "type=sbom"]
}
