// Apart from the harness: a worker process that is to be killed loads this, and should load little else.
export const OWNER = "test-coordinator";
export const FAST = { pollMs: 5, retryMs: 1, retries: 3 };

/** The SDK's ordinary chain finds these. */
export const AWS_ENVIRONMENT = { AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
