import { testHeaders } from "../../redis-scripts/test/support/script-headers.ts";
import { FLEET_LUA, FLEET_SCRIPTS } from "../src/scripts.ts";

testHeaders(FLEET_LUA, FLEET_SCRIPTS);
