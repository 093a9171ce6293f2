package sessionstest

// SetStatus puts a session into a status at once, whatever was to happen to it
// otherwise, and has its webhook sent where that status has one. Ready and
// Waiting give it a deployment of its own if it has none; Initializing, Seeking
// and Waiting hold it there; Terminating deletes it. A status that the API does
// not have is taken as it is, but not one that is only spelt otherwise, such as
// "ready". It is an error if there is no such session or it is deleted.
func (s *Server) SetStatus(id, status string) error { return ours(s.emulator.SetStatus(id, status)) }

// Deploy has a deployment of an app version running at once, with tags, and
// returns its request id, for CreateRequest.DeploymentRequestID or for an app
// version without autodeploy. An empty version is the app's first. It is an
// error if the app has no name, if there are apps of WithApp and none fits, or if
// a tag is not 1 to 20 characters long.
func (s *Server) Deploy(app, version string, tags ...string) (requestID string, err error) {
	requestID, err = s.emulator.Deploy(app, version, tags...)
	return requestID, ours(err)
}

// SetJoinable has a deployment take new sessions or not, also those that ask for
// it by its request id. Deployments are joinable at first. It is an error if
// there is no such deployment.
func (s *Server) SetJoinable(requestID string, joinable bool) error {
	return ours(s.emulator.SetJoinable(requestID, joinable))
}

// EndDeployment has a deployment end at once. Its sessions end in Error, which a
// webhook tells, or as Unknown.EndedStatus says, and can be read for
// App.SessionMaxDuration more. It is an error if there is no such deployment.
func (s *Server) EndDeployment(requestID string) error {
	return ours(s.emulator.EndDeployment(requestID))
}
