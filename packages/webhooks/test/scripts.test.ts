import { testHeaders } from "../../redis-scripts/test/support/script-headers.ts";
import { WEBHOOK_LUA, WEBHOOK_SCRIPTS } from "../src/scripts.ts";

testHeaders(WEBHOOK_LUA, WEBHOOK_SCRIPTS);
