import "./devices.js";
import "./races.js";
import "./crawler.js";
import "./crash.js";
import { keepLooking } from "./state.js";

keepLooking();
