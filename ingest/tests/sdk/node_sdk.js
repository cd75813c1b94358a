"use strict";
// Drives Countly's Node SDK through one scenario. Usage:
//   NODE_PATH=<node_modules> node node_sdk.js '{"scenario": "...", "url": "...", "app_key": "...", "device_id": "..."}'
// Prints what the SDK gave back as one line of JSON, and ends when everything that it queued was delivered
// ("offline": when nothing could be). What it keeps between two runs is in the file named by "storage".

const fs = require("fs");
const Countly = require("countly-sdk-nodejs");

const options = JSON.parse(process.argv[2]);
const store = new Map(options.storage && fs.existsSync(options.storage)
  ? Object.entries(JSON.parse(fs.readFileSync(options.storage, "utf8"))) : []);

// The SDK hands over its living arrays: a copy shows what is left, a request that is under way included.
const storage = {
  storeSet(key, value, callback) {
    store.set(key, JSON.parse(JSON.stringify(value === undefined ? null : value)));
    if (options.storage) {
      fs.writeFileSync(options.storage, JSON.stringify(Object.fromEntries(store)));
    }
    if (callback) { callback(null); }
  },
  storeGet: (key, otherwise) => (store.has(key) && store.get(key) !== null ? store.get(key) : otherwise),
  storeRemove: (key) => store.delete(key),
};

const METRICS = {
  _os: "Linux", _os_version: "6.1", _device: "Test Server", _resolution: "1920x1080", _carrier: "Vodafone",
  _density: "2", _locale: "tr_TR", _store: "npm", _device_type: "desktop",
};

function start(more) {
  Countly.init({
    app_key: options.app_key, url: options.url, device_id: options.device_id, salt: options.salt,
    app_version: "1.2.3", metrics: METRICS, country_code: "TR", city: "İzmir", ip_address: "78.160.0.10",
    interval: 20, fail_timeout: 1, session_update: 600, custom_storage_method: storage, ...more,
  });
}

// The SDK stamps with `new Date()`: shifting it is what an earlier hour looks like.
const RealDate = Date;
let shiftMilliseconds = 0;
global.Date = class extends RealDate {
  constructor(...given) { super(...(given.length ? given : [RealDate.now() + shiftMilliseconds])); }

  static now() { return RealDate.now() + shiftMilliseconds; }
};
function setClock(seconds) { shiftMilliseconds = seconds * 1000; }

const sleep = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

async function delivered() {
  const empty = (key) => (store.get(key) || []).length === 0;
  for (let beats = 0; beats < 4;) {
    await sleep(25);
    beats = empty("cly_queue") && empty("cly_event") ? beats + 1 : 0;
  }
}

const scenarios = {
  async everything() {
    start();
    Countly.begin_session(true);
    Countly.track_view("Home", { plan: "pro" });
    Countly.start_event("brewing");
    Countly.start_event("given_up"); // and never ended: this SDK has no other way to cancel
    Countly.add_event({
      key: "purchase", count: 3, sum: 2.97, dur: 12.5,
      segmentation: { product: "Türk Kahvesi & lokum", quantity: 2, tags: ["a", "b"], gift: true, price: 0.99 },
    });
    Countly.add_event({ key: "login" });
    await sleep(2200);
    Countly.end_event({ key: "brewing", segmentation: { method: "cezve" } });
    Countly.track_view("Settings");
    Countly.user_details({
      name: "Ayşe Yılmaz", username: "ayse", email: "ayse@example.com", organization: "Kahve", phone: "+90 555 0100",
      picture: "https://example.com/a.png", gender: "F", byear: 1990,
      custom: { text: "O'Hara <b>\"&", number: 42, float: 1.5, list: ["x", "y"], yes: true, no: false },
    });
    Countly.add_log("opened the app");
    Countly.add_log("pressed pay");
    try {
      null.pay();
    } catch (error) {
      Countly.log_error(error, { screen: "checkout" });
    }
    Countly.session_duration(60);
    Countly.end_session(15);
    await delivered();
  },

  // What is left of the SDK: ratings, campaigns, traces, an id that is set, and changes of consent to nothing.
  async the_rest() {
    start();
    Countly.report_feedback({ widget_id: "w1", rating: 4, comment: "Strong", email: "a@example.com", contactMe: true });
    Countly.report_conversion("spring", "visitor 7");
    Countly.report_trace({ type: "network", name: "/beans", stz: 1, etz: 2, apm_metrics: { response_time: 30 } });
    await delivered();
    Countly.set_id("set by the app");
    Countly.add_event({ key: "as_another" });
    await delivered();
  },

  // Sessions that the SDK keeps alive by itself.
  async automatic() {
    start({ session_update: 1 });
    Countly.begin_session();
    await sleep(3600);
    Countly.end_session();
    await delivered();
  },

  async modifiers() {
    start();
    for (const { set, by } of [{ set: "free", by: 5 }, { set: "pro", by: 7 }]) {
      const data = Countly.userData;
      data.set("plan", set);
      data.set("gone", "soon");
      data.set_once("first_seen", set);
      data.increment("logins");
      data.increment_by("points", by);
      data.multiply("score", 2);
      data.max("highest", by * 10);
      data.min("lowest", by);
      data.push("history", set);
      data.push_unique("tags", "coffee");
      data.save();
    }
    Countly.userData.unset("gone");
    Countly.userData.pull("history", "free");
    Countly.userData.increment_by("score", 3);
    Countly.userData.save();
    Countly.userData.multiply("score", 4);
    Countly.userData.save();
    await delivered();
  },

  async identity() {
    start();
    Countly.begin_session(true);
    Countly.user_details({ name: "Anonymous no more" });
    Countly.add_event({ key: "before_login" });
    await delivered();
    Countly.change_id("customer 42", true);
    Countly.add_event({ key: "after_login" });
    Countly.session_duration(30);
    await delivered();
    Countly.change_id("someone else", false);
    Countly.add_event({ key: "other_person" });
    Countly.end_session(5);
    await delivered();
  },

  async consent() {
    start({ require_consent: true });
    Countly.add_event({ key: "not_allowed_yet" });
    Countly.begin_session(true);
    Countly.add_consent(["sessions", "events", "users"]);
    Countly.add_event({ key: "allowed" });
    Countly.user_details({ name: "Willing" });
    await sleep(1200); // consents are reported a second later
    Countly.remove_consent(["events"]);
    Countly.add_event({ key: "not_allowed_any_more" });
    await delivered();
  },

  async remote_config() {
    start();
    const [error, configuration] = await new Promise((resolve) => {
      Countly.fetch_remote_config(["a"], null, (...given) => resolve(given));
    });
    return { error, configuration };
  },

  // Two sessions, an hour apart, while nothing listens at the address.
  async offline() {
    setClock(-7200);
    start();
    Countly.begin_session(true);
    setClock(-7140);
    Countly.add_event({ key: "in_the_tunnel" });
    Countly.session_duration(60);
    setClock(-7125);
    Countly.end_session(15);
    setClock(-3600);
    Countly.begin_session(true);
    setClock(-3590);
    Countly.end_session(10);
    await sleep(500);
    return { waiting: store.get("cly_queue").length };
  },

  // The same installation, started again.
  async online() {
    start();
    Countly.add_event({ key: "back_again" });
    await delivered();
    return { waiting: store.get("cly_queue").length };
  },

  async crash() {
    start();
    Countly.track_errors({ build: "7" });
    Countly.add_log("about to fail");
    setTimeout(() => { throw new RangeError("no cups left"); }, 1);
    await sleep(10000);
  },

  async long() {
    start({ force_post: true });
    Countly.begin_session(true);
    for (let i = 0; i < 120; i += 1) {
      Countly.add_event({ key: `event_${i % 3}`, segmentation: { i, pad: "x".repeat(200) } });
    }
    Countly.userData.set("it's", "a 'quoted' ~value~ (here)! + 100 %");
    Countly.userData.save();
    await delivered();
  },

  async picture() {
    start();
    Countly.user_details({ name: "Pic", picturePath: options.picture });
    await delivered();
  },

  async bulk() {
    const bulk = new Countly.Bulk({
      app_key: options.app_key, url: options.url, salt: options.salt, interval: 20, bulk_size: 3, fail_timeout: 1,
    });
    const at = Math.floor(options.at / 1000);
    const user = bulk.add_user({ device_id: "bulk-1", country_code: "LV", city: "Rīga" });
    user.begin_session({ _os: "Android", _os_version: "15", _app_version: "2.0" }, 90, at);
    user.add_event({ key: "imported", segmentation: { row: 1 }, timestamp: at + 10 });
    user.add_event({ key: "imported", segmentation: { row: 2 }, timestamp: at + 20 });
    user.user_details({ name: "Bulk User", custom: { tier: "gold" } });
    bulk.add_request({ device_id: "bulk-2", begin_session: 1, metrics: { _os: "iOS" }, timestamp: at + 5 });
    bulk.start();
    for (let beats = 0; beats < 8;) {
      await sleep(25);
      beats = bulk.queue_size() === 0 ? beats + 1 : 0;
    }
  },
};

scenarios[options.scenario]().then((result) => {
  process.stdout.write(`${JSON.stringify(result || {})}\n`, () => process.exit(0));
});
