package emulator_test

import (
	"slices"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

func TestSeatTakesASocketForEachUser(t *testing.T) {
	within(t, emulator.Config{Apps: []emulator.App{{Sockets: 3}}}, func(t *testing.T, e *emulator.Emulator) {
		first := settled(t, e, `"ip_list": `+ips(2))
		if d := first.Deployment; d.Sockets != 3 || d.SocketsUsage != 2 {
			t.Errorf("%+v", d)
		}
		second := settled(t, e, `"ip_list": `+ips(2)) // one is free
		if second.Deployment.RequestID == first.Deployment.RequestID {
			t.Error("two sessions of two share three sockets")
		}
		third := settled(t, e, `"ip_list": `+ips(1))
		if d := third.Deployment; d.RequestID != first.Deployment.RequestID || d.SocketsUsage != 3 || d.IsJoinableBySession {
			t.Errorf("the last free socket was not used: %+v", d)
		}
		if s := settled(t, e, `"ip_list": `+ips(4)); s.Status != "Unprocessable" {
			t.Errorf("four users on three sockets: %+v", s)
		}
	})
}

func TestMatchTakesASocketForEachSession(t *testing.T) {
	within(t, emulator.Config{Apps: []emulator.App{{Kind: "Match", Sockets: 2}}}, func(t *testing.T, e *emulator.Emulator) {
		first := settled(t, e, `"ip_list": `+ips(5))
		second := settled(t, e, `"ip_list": `+ips(5))
		third := settled(t, e, `"ip_list": `+ips(1))
		if first.Kind != "Match" || first.Deployment.RequestID != second.Deployment.RequestID || second.Deployment.SocketsUsage != 2 {
			t.Errorf("two sessions: %+v, %+v", first.Deployment, second.Deployment)
		}
		if third.Deployment.RequestID == first.Deployment.RequestID {
			t.Error("a third session on two sockets")
		}
	})
}

func TestTags(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		plain := settled(t, e, "")
		both := settled(t, e, `"selectors": [{"tag": "ranked", "env": {"key": "MODE", "value": "duel"}}, {"tag": "eu"}]`)
		if !slices.Equal(both.Deployment.Tags, []string{"ranked", "eu"}) || both.Deployment.RequestID == plain.Deployment.RequestID {
			t.Fatalf("a deployment without the tags, or not tagged: %+v", both.Deployment)
		}
		if env := e.Deployments()[1].Env; env["MODE"] != "duel" {
			t.Errorf("env of the new deployment: %v", env)
		}
		one := settled(t, e, `"selectors": [{"tag": "eu", "env": {"key": "MODE", "value": "other"}}]`)
		if one.Deployment.RequestID != both.Deployment.RequestID {
			t.Error("a deployment with more tags than asked for was passed over")
		}
		if env := e.Deployments()[1].Env; env["MODE"] != "duel" {
			t.Errorf("env came into a running deployment: %v", env)
		}
		all := settled(t, e, `"selectors": [{"tag": "eu"}, {"tag": "casual"}]`)
		if all.Deployment.RequestID == both.Deployment.RequestID {
			t.Error("one of two tags was enough")
		}
		marked := settled(t, e, `"selectors": [{"tag": "friday", "tag_only": true}]`)
		if d := marked.Deployment; d.RequestID != plain.Deployment.RequestID || !slices.Equal(d.Tags, []string{"friday"}) {
			t.Errorf("a tag that only marks: %+v", d)
		}
	})
}

func TestWithoutAutodeploy(t *testing.T) {
	config := emulator.Config{Apps: []emulator.App{{Name: "arena", NoAutodeploy: true}, {Name: "chess"}}}
	within(t, config, func(t *testing.T, e *emulator.Emulator) {
		if s := settled(t, e, ""); s.Status != "Unprocessable" || s.Linked || s.Error == "" {
			t.Errorf("with no deployment: %+v", s)
		}
		if _, err := e.Deploy("chess", ""); err != nil {
			t.Fatal(err)
		}
		if s := settled(t, e, ""); s.Status != "Unprocessable" {
			t.Errorf("on another app's deployment: %+v", s)
		}
		id, err := e.Deploy("arena", "", "ranked")
		if err != nil {
			t.Fatal(err)
		}
		if s := settled(t, e, `"selectors": [{"tag": "ranked"}]`); s.Status != "Ready" || s.Deployment.RequestID != id {
			t.Errorf("on a running deployment: %+v", s)
		}
		if s := settled(t, e, `"version_name": "2.0"`); s.Status != "Unprocessable" {
			t.Errorf("on another version's deployment: %+v", s)
		}
		for _, app := range []string{"", "go"} {
			if _, err := e.Deploy(app, ""); err == nil {
				t.Errorf("app %q was deployed", app)
			}
		}
	})
}

func TestALinkToADeployment(t *testing.T) {
	within(t, emulator.Config{Apps: []emulator.App{{Sockets: 1}}}, func(t *testing.T, e *emulator.Emulator) {
		_, err := e.Deploy("arena", "")
		if err != nil {
			t.Fatal(err)
		}
		second, err := e.Deploy("arena", "")
		if err != nil {
			t.Fatal(err)
		}
		link := `"ip_list": ["203.0.113.1"], "deployment_request_id": "` + second + `"`
		s := settled(t, e, link)
		if s.Status != "Ready" || s.Deployment.RequestID != second {
			t.Errorf("%+v", s)
		}
		if s := settled(t, e, link); s.Status != "Unprocessable" {
			t.Errorf("the deployment is full: %+v", s)
		}
		if s := settled(t, e, `"deployment_request_id": "000000000000"`); s.Status != "Unprocessable" {
			t.Errorf("there is no such deployment: %+v", s)
		}
	})
}

func TestWhereADeploymentIs(t *testing.T) {
	for name, c := range map[string]struct{ fields, city string }{
		"nothing asked":      {``, "Montréal"},
		"near a location":    {`"location": {"latitude": 48.85, "longitude": 2.35}`, "Frankfurt am Main"},
		"across the pacific": {`"location": {"latitude": 41.9, "longitude": -179}`, "Tokyo"},
		"between players":    {`"geo_ip_list": [{"ip": "203.0.113.1", "latitude": -30, "longitude": 145}, {"ip": "203.0.113.2", "latitude": -40, "longitude": 160}]`, "Sydney"},
		"a country":          {`"country": "Japan"`, "Tokyo"},
		"a continent":        {`"continent": "North America", "location": {"latitude": 37, "longitude": -122}`, "Chicago"},
		"a region":           {`"region": "SA East"`, "São Paulo"},
		"a division":         {`"administrative_division": "Hesse"`, "Frankfurt am Main"},
		"no such city":       {`"city": "Atlantis"`, "Montréal"},
		"filter any":         {`"filters": [{"field": "city", "values": ["Sydney", "Atlantis"], "filter_type": "any"}]`, "Sydney"},
		"filter not":         {`"filters": [{"field": "continent", "values": ["North America", "Europe", "Asia"], "filter_type": "not"}]`, "São Paulo"},
		"filter all":         {`"filters": [{"field": "location_tags", "values": ["core", "edge"], "filter_type": "all"}]`, "Chicago"},
		"filters joined":     {`"filters": [{"field": "country", "values": ["Canada"], "filter_type": "not"}, {"field": "region", "values": ["NA East", "EU Central"], "filter_type": "any"}]`, "Frankfurt am Main"},
		"a field of nobody":  {`"filters": [{"field": "weather", "values": ["fair"], "filter_type": "not"}]`, "Montréal"},
		"filtered out":       {`"filters": [{"field": "administrative_division", "values": ["Mordor"], "filter_type": "any"}]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
				s := settled(t, e, c.fields)
				if c.city == "" {
					if s.Status != "Unprocessable" {
						t.Errorf("%+v", s)
					}
					return
				}
				if s.Deployment == nil || s.Deployment.Location.City != c.city {
					t.Errorf("%+v", s.Deployment)
				}
			})
		})
	}
}

func TestANearDeploymentIsTakenBeforeAFarOne(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		settled(t, e, `"selectors": [{"tag": "far"}]`)
		near := settled(t, e, `"location": {"latitude": 50, "longitude": 8}, "selectors": [{"tag": "near"}]`)
		s := settled(t, e, `"location": {"latitude": 52, "longitude": 13}`)
		if s.Deployment.RequestID != near.Deployment.RequestID {
			t.Errorf("%+v", s.Deployment)
		}
		filtered := settled(t, e, `"filters": [{"field": "city", "values": ["Tokyo"], "filter_type": "any"}]`)
		if filtered.Deployment.Location.City != "Tokyo" {
			t.Errorf("a running deployment that the filters rule out: %+v", filtered.Deployment)
		}
	})
}

func TestADeploymentIsUpWhenItsFirstSessionIs(t *testing.T) {
	within(t, emulator.Config{ReadyAfter: 10 * time.Second}, func(t *testing.T, e *emulator.Emulator) {
		create(t, e, "")
		time.Sleep(5 * time.Second)
		later := create(t, e, "")
		time.Sleep(5 * time.Second)
		if s := get(t, e, later); s.Status != "Waiting" || !s.Deployment.Ready || len(e.Deployments()) != 1 {
			t.Errorf("%+v on %+v", s, s.Deployment)
		}
	})
}

func TestPortsWithKeysOfTheirOwn(t *testing.T) {
	ports := map[string]api.PortMapping{
		"7777": {Name: "game", Internal: 7777, Protocol: "UDP"},
		"web":  {Internal: 443, Protocol: "TCP", TLSUpgrade: true},
	}
	within(t, emulator.Config{Apps: []emulator.App{{Ports: ports}}}, func(t *testing.T, e *emulator.Emulator) {
		got := settled(t, e, "").Deployment.Ports
		if len(got) != 2 || got["7777"].Name != "game" || got["web"].Name != "web" || !got["web"].TLSUpgrade || got["7777"].External == got["web"].External {
			t.Errorf("%+v", got)
		}
		for key, port := range got {
			if port.External < 1024 || port.Link == "" {
				t.Errorf("%s: %+v", key, port)
			}
		}
	})
}

func TestAppVersionsHaveIntegerIDs(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		first, same := settled(t, e, `"version_name": "1"`), settled(t, e, `"version_name": "1"`)
		other := settled(t, e, `"version_name": "2"`)
		if first.AppVersion != same.AppVersion || first.AppVersion == other.AppVersion {
			t.Errorf("%d, %d, %d", first.AppVersion, same.AppVersion, other.AppVersion)
		}
	})
}
