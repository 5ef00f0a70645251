/* Several nodes, one database that fails over: a model of lease, epoch, promotion and unknown outcome, for SPIN.
 *
 * What is modelled. Two database servers with a log each (an entry is a commit), synchronous replication, a promotion at any moment (also while
 * the old primary still runs and still takes connections), crash, restart and rebuilding of a server, and commits that run on after their client
 * lost the connection. Two nodes that take the lease at any moment (the lease's clock may be as wrong as it likes: only the epoch keeps order),
 * write as master server under their epoch, lose the connection at any moment, and settle what became of a request.
 *
 * What must hold, in every state:
 *   lost     a commit that was acknowledged is in the log of the newest timeline's primary
 *   revived  a request that was settled as "did not happen" is not there, then and later
 *   twice    a request stands at most once in a log
 *   fence    no master write of an old epoch stands behind the entry that raised the epoch
 *   holders  an epoch has one holder in a log, and one among those whose taking was acknowledged
 *   backwards what a node read after it had been acknowledged is in every log that it connects to later, and with ASYNC in every
 *            one of that timeline or an older one
 *   anchor   no node goes on with a log of the newest timeline that lacks what was acknowledged to it
 *
 * With ASYNC a standby is promoted that lacks what was acknowledged: then fence, twice, backwards and anchor hold, and no more.
 * Every rule can be taken out by a macro (NO_FENCE, SETTLE_BY_READING, WARNING_IS_SUCCESS, NO_REQUEST_IDS, NO_TIMELINE and NO_ANCHOR with ASYNC): the run
 * script shows that the model then finds the fault. */

#define NODES    2
#define SERVERS  2
#ifndef LENGTH
#define LENGTH   5 /* entries of a log */
#endif
#ifndef REQUESTS
#define REQUESTS 2
#endif
#ifndef TIMELINES
#define TIMELINES 3
#endif
#ifndef LOSSES
#define LOSSES 2 /* connections that are lost */
#endif

#define NONE 15

/* What asynchronous replication cannot promise. */
#ifdef ASYNC
#define SURE(X) skip
#else
#define SURE(X) assert(X)
#endif

/* Kinds of entry. */
#define LEASE   1 /* val: epoch */
#define WRITE   2 /* val: request */
#define TOMB    3 /* val: request: it did not happen, and cannot any more */
#define BARRIER 4 /* a settled request is there: this entry's replication shows it */

typedef Log {
	byte length;
	byte kind[LENGTH];
	byte who[LENGTH];
	byte val[LENGTH];
	byte epoch[LENGTH];
	byte timeline;
	bool up;
	bool primary;
};
Log server[SERVERS];

/* A commit that a node sent and that no server has carried out yet: for each node and server one of its connection, and one of a connection that it
 * lost before: that one is carried out all the same, at any time. */
typedef Sent {
	byte kind;
	byte val;
	byte epoch;
};
Sent sent[NODES * SERVERS * 2];
#define NOW(N, S)  (((N) * SERVERS + (S)) * 2)
#define LATE(N, S) (((N) * SERVERS + (S)) * 2 + 1)

/* What a node knows. */
typedef Node {
	byte at;        /* server it is connected to, or NONE */
	byte timeline;  /* newest that it saw */
	byte epoch;     /* under which it believes to be master server; 0: it does not */
	byte waits;     /* log length whose replication is its acknowledgement; 0: it waits for none */
	byte asked;     /* kind it waits for, or 0 */
	byte value;     /* epoch or request of what it asked */
	byte open;      /* request of unknown outcome, or NONE */
	bool refuses;   /* it found a store without what was acknowledged to it */
};
Node node[NODES];

/* What was promised to the world. */
bool acked[REQUESTS];     /* a client was told: done */
bool denied[REQUESTS];    /* a client was told: did not happen */
bool told[NODES * REQUESTS];  /* by this node */
byte known[NODES * REQUESTS]; /* timeline on which this node read it after it had been acknowledged; 0: it did not. For the oracle: no node keeps it */
byte holder[8];           /* acknowledged holder of an epoch; NONE */
byte losses;
byte newest = 0;          /* server of the newest timeline */
byte timelines = 1;

byte i, found, where, last; /* for the steps below, which are atomic; 0 between them */

/* Whether log S holds KIND of VAL: found, where. */
inline look(S, KIND, VAL)
{
	found = 0; where = 0; i = 0;
	do
	:: i < server[S].length ->
		if
		:: server[S].kind[i] == KIND && server[S].val[i] == VAL -> found = 1; where = i
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

/* The newest epoch in log S: found; its holder: where. */
inline look_epoch(S)
{
	found = 0; where = NONE; i = 0;
	do
	:: i < server[S].length ->
		if
		:: server[S].kind[i] == LEASE && server[S].val[i] > found -> found = server[S].val[i]; where = server[S].who[i]
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

inline append(S, N, KIND, VAL, EPOCH)
{
	server[S].kind[server[S].length] = KIND;
	server[S].who[server[S].length] = N;
	server[S].val[server[S].length] = VAL;
	server[S].epoch[server[S].length] = EPOCH;
	server[S].length++
}

inline clear(C)
{
	sent[C].kind = 0; sent[C].val = 0; sent[C].epoch = 0
}

/* Server S crashed or is rebuilt: nothing that it was sent is carried out. */
inline forget_sent(S)
{
	clear(NOW(0, S)); clear(LATE(0, S)); clear(NOW(1, S)); clear(LATE(1, S))
}

/* Node N's connection to server S is lost, and the commit that it sent there is not. */
inline leave_behind(N, S)
{
	if
	:: sent[NOW(N, S)].kind != 0 ->
		sent[LATE(N, S)].kind = sent[NOW(N, S)].kind; sent[LATE(N, S)].val = sent[NOW(N, S)].val; sent[LATE(N, S)].epoch = sent[NOW(N, S)].epoch;
		clear(NOW(N, S))
	:: else
	fi
}

/* Node N has no connection: what it waited for is of unknown outcome. */
inline lose(N)
{
	node[N].at = NONE;
	if
	:: node[N].asked == WRITE -> node[N].open = node[N].value
	:: else
	fi;
	if
	:: node[N].asked == LEASE -> node[N].epoch = 0
	:: else
	fi;
	node[N].asked = 0; node[N].value = 0; node[N].waits = 0
}

#ifdef NO_FENCE
#define FENCED(N, C) true
#else
#define FENCED(N, C) (found == sent[C].epoch && where == N)
#endif

/* Server S carries out what node N sent there, C, in one transaction. Refusals answer at once. */
inline carry_out(S, N, C)
{
	if
	:: sent[C].kind == LEASE ->
		look_epoch(S);
		if
		:: found + 1 == sent[C].val && server[S].length < LENGTH -> append(S, N, LEASE, found + 1, found + 1); last = 1
		:: else -> last = 0
		fi
	:: sent[C].kind == WRITE ->
		look(S, TOMB, sent[C].val); last = found;
		look(S, WRITE, sent[C].val);
#ifdef NO_REQUEST_IDS
		last = 0; found = 0;
#endif
		if
		:: last || found || server[S].length == LENGTH -> last = 0
		:: else ->
			look_epoch(S);
			if
			:: FENCED(N, C) -> append(S, N, WRITE, sent[C].val, sent[C].epoch); last = 1
			:: else -> last = 0
			fi
		fi
	:: sent[C].kind == TOMB ->
		look(S, WRITE, sent[C].val); last = found;
		look(S, TOMB, sent[C].val);
		if
		:: server[S].length == LENGTH -> last = 0
		:: else ->
			if
			:: last || found -> append(S, N, BARRIER, sent[C].val, 0)
			:: else -> append(S, N, TOMB, sent[C].val, 0)
			fi;
			last = 1
		fi
	fi;
	if
	:: C == NOW(N, S) && node[N].at == S ->
		if
		:: last -> node[N].waits = server[S].length
		:: else -> /* refused: a refused write of the master server ends its term; it settles the request all the same */
			lose(N); node[N].at = S; node[N].epoch = 0
		fi
	:: else
	fi;
	clear(C);
	found = 0; where = 0; last = 0
}

/* A commit of node N at its server is replicated: it is told, and tells. */
inline acknowledge(N)
{
	if
	:: node[N].asked == LEASE ->
		node[N].epoch = node[N].value;
		SURE(holder[node[N].value] == NONE || holder[node[N].value] == N); /* holders */
		holder[node[N].value] = N
	:: node[N].asked == WRITE -> acked[node[N].value] = true; told[N * REQUESTS + node[N].value] = true; known[N * REQUESTS + node[N].value] = node[N].timeline;
		node[N].open = NONE
	:: node[N].asked == TOMB ->
		look(node[N].at, WRITE, node[N].value);
		if
		:: found -> acked[node[N].value] = true; told[N * REQUESTS + node[N].value] = true
		:: else -> denied[node[N].value] = true
		fi;
		node[N].open = NONE; found = 0; where = 0
	fi;
	node[N].asked = 0; node[N].value = 0; node[N].waits = 0
}

/* Whether the standby has what node N waits for. */
#define OTHER(S)      (1 - (S))
#define STANDBY(S)    (server[OTHER(S)].up && !server[OTHER(S)].primary && server[OTHER(S)].timeline == server[S].timeline)
#ifdef ASYNC
#define REPLICATED(N) true
#else
#define REPLICATED(N) (STANDBY(node[N].at) && server[OTHER(node[N].at)].length >= node[N].waits)
#endif
#ifdef NO_TIMELINE
#define NOT_OLDER(S, N) true
#else
#define NOT_OLDER(S, N) (server[S].timeline >= node[N].timeline)
#endif

proctype appliance(byte me)
{
	byte s = 0, r = 0;
end:	do
	:: atomic { node[me].at == NONE && !node[me].refuses ->
		/* Connects to any server that says it takes writes, and looks at it before it goes on. */
		if
		:: s = 0
		:: s = 1
		fi;
		if
		:: server[s].up && server[s].primary && NOT_OLDER(s, me) ->
			last = 0; r = 0;
			do
			:: r < REQUESTS ->
				look(s, WRITE, r);
				if
				:: told[me * REQUESTS + r] && !found -> last = 1
				:: else
				fi;
				SURE(!known[me * REQUESTS + r] || found);
				assert(!known[me * REQUESTS + r] || found || server[s].timeline > known[me * REQUESTS + r]); /* backwards */
				if
				:: found && acked[r] -> known[me * REQUESTS + r] = server[s].timeline
				:: else
				fi;
				r++
			:: else -> break
			od;
#ifdef NO_ANCHOR
			last = 0;
#endif
			if
			:: last -> node[me].refuses = true
			:: else -> node[me].at = s; node[me].timeline = server[s].timeline
			fi
		:: else
		fi;
		s = 0; r = 0; found = 0; where = 0; last = 0
	}
	:: atomic { node[me].at != NONE && node[me].asked == 0 && node[me].open == NONE && sent[NOW(me, node[me].at)].kind == 0 ->
		/* Takes the lease: whether it has run out is not asked here, so that no clock can matter. */
		look_epoch(node[me].at);
		if
		:: found < 3 && where != me ->
			node[me].asked = LEASE; node[me].value = found + 1;
			sent[NOW(me, node[me].at)].kind = LEASE; sent[NOW(me, node[me].at)].val = found + 1
		:: else
		fi;
		found = 0; where = 0
	}
	:: atomic { node[me].at != NONE && node[me].asked == 0 && node[me].open == NONE && node[me].epoch != 0 && sent[NOW(me, node[me].at)].kind == 0 ->
		/* A new request, or one that its client asks again, here or at the other node. */
		if
		:: r = 0
		:: r = REQUESTS - 1
		fi;
		if
		:: !denied[r] ->
			node[me].asked = WRITE; node[me].value = r;
			sent[NOW(me, node[me].at)].kind = WRITE; sent[NOW(me, node[me].at)].val = r;
			sent[NOW(me, node[me].at)].epoch = node[me].epoch
		:: else
		fi;
		r = 0
	}
	:: atomic { node[me].at != NONE && node[me].asked == 0 && node[me].open != NONE && sent[NOW(me, node[me].at)].kind == 0 ->
		/* Settles what became of a request. Reading is not enough: its commit may still be on its way. */
#ifdef SETTLE_BY_READING
		look(node[me].at, WRITE, node[me].open);
		if
		:: found -> acked[node[me].open] = true; told[me * REQUESTS + node[me].open] = true
		:: else -> denied[node[me].open] = true
		fi;
		node[me].open = NONE; found = 0; where = 0
#else
		node[me].asked = TOMB; node[me].value = node[me].open;
		sent[NOW(me, node[me].at)].kind = TOMB; sent[NOW(me, node[me].at)].val = node[me].open
#endif
	}
	:: atomic { node[me].at != NONE && node[me].waits != 0 && REPLICATED(me) -> acknowledge(me) }
#ifdef WARNING_IS_SUCCESS
	/* The wait for the standby was cancelled: "committed locally, but might not have been replicated", taken for done. */
	:: atomic { node[me].at != NONE && node[me].waits != 0 -> acknowledge(me) }
#endif
	:: atomic { node[me].at != NONE && losses < LOSSES && sent[LATE(me, node[me].at)].kind == 0 -> losses++; leave_behind(me, node[me].at); lose(me) }
	od
}

proctype databases()
{
	byte n = 0, s = 0, c = 0;
end:	do
	:: atomic { c = 0;
		/* One of what was sent, in any order. */
		do
		:: c < NODES * SERVERS * 2 - 1 -> c++
		:: break
		od;
		if
		:: sent[c].kind != 0 && server[(c / 2) % SERVERS].up && server[(c / 2) % SERVERS].primary ->
			s = (c / 2) % SERVERS; n = c / 2 / SERVERS; carry_out(s, n, c)
		:: else
		fi;
		c = 0; n = 0; s = 0
	}
	/* One entry goes to the standby. */
	:: atomic { server[0].primary && STANDBY(0) && server[1].length < server[0].length -> n = server[1].length;
		server[1].kind[n] = server[0].kind[n]; server[1].who[n] = server[0].who[n]; server[1].val[n] = server[0].val[n];
		server[1].epoch[n] = server[0].epoch[n]; server[1].length++; n = 0 }
	:: atomic { server[1].primary && STANDBY(1) && server[0].length < server[1].length -> n = server[0].length;
		server[0].kind[n] = server[1].kind[n]; server[0].who[n] = server[1].who[n]; server[0].val[n] = server[1].val[n];
		server[0].epoch[n] = server[1].epoch[n]; server[0].length++; n = 0 }
	/* The standby is promoted, whether or not the primary is gone. */
	:: atomic { timelines < TIMELINES && STANDBY(newest) ->
		timelines++; newest = OTHER(newest); server[newest].primary = true; server[newest].timeline = timelines }
	/* A server crashes: its connections and what it was sent are gone, its log is not. */
	:: atomic { server[0].up && server[1].up ->
		if
		:: s = 0
		:: s = 1
		fi;
		server[s].up = false;
		forget_sent(s);
		if
		:: node[0].at == s -> lose(0)
		:: else
		fi;
		if
		:: node[1].at == s -> lose(1)
		:: else
		fi;
		s = 0
	}
	:: atomic { !server[0].up -> server[0].up = true }
	:: atomic { !server[1].up -> server[1].up = true }
	/* The old primary is rebuilt from the new one: its connections end, its log is the new one's. */
	:: atomic { server[OTHER(newest)].primary && server[OTHER(newest)].up && server[newest].up -> s = OTHER(newest);
		forget_sent(s);
		if
		:: node[0].at == s -> lose(0)
		:: else
		fi;
		if
		:: node[1].at == s -> lose(1)
		:: else
		fi;
		server[s].primary = false; server[s].timeline = server[newest].timeline; server[s].length = server[newest].length;
		do
		:: n < LENGTH -> server[s].kind[n] = server[newest].kind[n]; server[s].who[n] = server[newest].who[n];
			server[s].val[n] = server[newest].val[n]; server[s].epoch[n] = server[newest].epoch[n]; n++
		:: else -> break
		od;
		n = 0; s = 0
	}
	od
}

/* Looks at every state that matters: after each step of anybody. */
proctype oracle()
{
	byte r = 0, e = 0, c = 0, s = 0;
end:	do
	:: atomic { true ->
		r = 0;
		do
		:: r < REQUESTS ->
			look(newest, WRITE, r);
			SURE(!acked[r] || found); /* lost */
			SURE(!denied[r] || !found); /* revived */
			SURE(!(acked[r] && denied[r]));
			r++
		:: else -> break
		od;
		r = 0; s = 0;
		do
		:: s < SERVERS ->
			e = 0; c = 0; last = 0;
			do
			:: c < server[s].length ->
				if
				:: server[s].kind[c] == LEASE -> assert(server[s].val[c] == e + 1); e = server[s].val[c] /* holders */
				:: server[s].kind[c] == WRITE ->
					assert(server[s].epoch[c] == e); /* fence */
					assert(!(last & (1 << server[s].val[c]))); /* twice */
					last = last | (1 << server[s].val[c])
				:: else
				fi;
				c++
			:: else -> break
			od;
			s++
		:: else -> break
		od;
		s = 0; e = 0; c = 0; last = 0; found = 0; where = 0;
		/* anchor */
		do
		:: s < NODES ->
			do
			:: r < REQUESTS ->
				if
				:: node[s].at != NONE && told[s * REQUESTS + r] && server[node[s].at].timeline == server[newest].timeline ->
					look(node[s].at, WRITE, r); assert(found)
				:: else
				fi;
				r++
			:: else -> break
			od;
			r = 0; s++
		:: else -> break
		od;
		s = 0; found = 0; where = 0
	}
	od
}

init
{
	atomic {
		server[0].up = true; server[1].up = true; server[0].primary = true; server[0].timeline = 1; server[1].timeline = 1;
		node[0].at = NONE; node[1].at = NONE; node[0].open = NONE; node[1].open = NONE;
		do
		:: i < 8 -> holder[i] = NONE; i++
		:: else -> break
		od;
		i = 0;
		run appliance(0); run appliance(1); run databases(); run oracle()
	}
}
