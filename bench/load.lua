-- Replays the requests of a file in a circle: wrk … -s load.lua URL -- FILE SEED
-- A line of the file: method, path, token, body, separated by tabs. {n} becomes a number that no
-- other request of the run has.

local ready, templates, position, number = {}, {}, 0, 0

local function format(method, path, token, body)
  local headers = { ["Host"] = "localhost", ["Authorization"] = "Bearer " .. token }
  if body ~= "" then headers["Content-Type"] = "application/json" else body = nil end
  if token == "" then headers["Authorization"] = nil end
  return wrk.format(method, path, headers, body)
end

function init(args)
  number = tonumber(args[2])
  for line in io.lines(args[1]) do
    local fields = {}
    for field in (line .. "\t"):gmatch("([^\t]*)\t") do fields[#fields + 1] = field end
    if line:find("{n}", 1, true) then
      templates[#ready + 1] = fields
      ready[#ready + 1] = false
    else
      ready[#ready + 1] = format(unpack(fields))
    end
  end
end

function request()
  position = position % #ready + 1
  if ready[position] then return ready[position] end
  number = number + 1
  local fields, text = templates[position], string.format("%d", number)
  local path, body = fields[2]:gsub("{n}", text), fields[4]:gsub("{n}", text)
  return format(fields[1], path, fields[3], body)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
