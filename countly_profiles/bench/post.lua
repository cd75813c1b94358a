-- The request of requests.py, for wrk. Arguments: app key, number of the first request, requests a second (0: no limit).

local key, number, users = "", 0, 20000

local function encoded(text)
  return (text:gsub("[^%w%-%._~]", function(c) return c == " " and "+" or string.format("%%%02X", c:byte()) end))
end

local head = "app_key=%s&device_id=device-%08d&timestamp=%d&hour=14&dow=3&tz=180"
  .. "&sdk_name=java-native-android&sdk_version=25.4.1&t=1&rr=0%s&events="
local begin = "&begin_session=1&metrics=" .. encoded(
  '{"_os":"Android","_os_version":"14","_device":"Pixel 8","_resolution":"1080x2400","_app_version":"4.2.1",'
  .. '"_locale":"tr_TR","_carrier":"Turkcell"}')
local a = encoded('[{"key":"Product viewed","count":1,"timestamp":')
local b = encoded(',"hour":14,"dow":3,"segmentation":{"category":"Shoes","price":59.9,"position":')
local c = encoded('}},{"key":"Added to cart","count":1,"sum":59.9,"timestamp":')
local d = encoded(',"hour":14,"dow":3,"segmentation":{"category":"Shoes","size":"42","is_new":true}}]')

function init(args)
  key, number = args[1], tonumber(args[2])
  local rate = tonumber(args[3])
  if rate > 0 then
    -- Each request has its time, whatever the answers before it took.
    local ffi = require("ffi")
    ffi.cdef("typedef struct { long s; long us; } now_t; int gettimeofday(now_t *t, void *zone);")
    local clock = ffi.new("now_t")
    local due
    function delay()
      ffi.C.gettimeofday(clock, nil)
      local now = tonumber(clock.s) * 1000 + tonumber(clock.us) / 1000
      due = (due or now) + 1000 / rate
      return math.max(0, math.floor(due - now + 0.5))
    end
  end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
end

function request()
  local at = (os.time() - 1) * 1000 + number % 1000
  local session = number < users and begin or number % 2 == 1 and "&session_duration=60" or ""
  local body = string.format(head, key, number * 7919 % users, at, session) .. a .. at .. b .. number .. c .. at .. d
  number = number + 1
  return wrk.format(nil, nil, nil, body)
end

function done(summary, latency, requests)
  local e = summary.errors
  io.stdout:write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
