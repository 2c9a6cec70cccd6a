import { http } from '@google-cloud/functions-framework'
import { readTelemetryConfig, startTelemetry } from '@tandem/service'
import { createApi, createWebhooks, logOf } from './api.ts'
import { readFunctionsConfig } from './config.ts'
import { beforeEnd, boundServers } from './framework-server.ts'
import { createJobs } from './jobs/serve.ts'

const config = readFunctionsConfig()

// Before anything is put together
const telemetry = await startTelemetry('functions', readTelemetryConfig(), logOf(config))
beforeEnd(telemetry.close)

// The framework makes its server after it has loaded this file.
boundServers(config.host)

/** Every path of the backend. Run with `functions-framework --source=functions --target=api`. */
http('api', createApi(config))

/** Only `POST /webhooks/duo-node`, which `api` has too. `--target=webhooks` */
http('webhooks', createWebhooks(config))

/** `POST /jobs/:job`, for the scheduler that JOBS_CALLER names. `--target=jobs` */
http('jobs', createJobs(config))
